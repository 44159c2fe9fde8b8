#include "broker/refresh_answer.h"

#include <utility>
#include <vector>

#include "base/error.h"
#include "broker/dpop.h"
#include "broker/id_token_check.h"
#include "broker/refreshed_grant.h"
#include "broker/revocation.h"
#include "broker/token_confirmation.h"

namespace tokenbroker::broker {
namespace {

using grants::Grant;
using grants::GrantState;
using provider::Delivery;

// The refresh token may be spent, so its intent stays. But no answer to it will come any more,
// which others cannot know: they would leave the grant to us.
asio::awaitable<void> LeaveOpen(Flight& flight) {
  Grant grant = flight.grant.Copy();
  grant.intent = flight.context.harmless.Standing(flight.grant);
  if (grant.intent) grant.intent->holder.clear();
  grants::GrantCommit commit = CommitOf(flight, std::move(grant), LeaseAfter::kRelease);
  const absl::Status stored = co_await flight.context.store.CommitGrant(std::move(commit));
  if (!stored.ok()) (void)co_await Release(flight);
}

// Two steps. The first is fenced: whoever was paused past its lease cannot take the tokens from a
// grant that another has refreshed. After it the grant can give nothing any more, so that ending
// it, which asks for no generation, cannot do harm; and a crash in between leaves a grant that says
// REAUTHORIZATION_REQUIRED all the same.
StatusTask EndForGood(Flight& flight, std::string because) {
  Grant grant = flight.grant.Copy();
  grant.generation = flight.grant.generation + 1;
  grant.next_refresh_at.reset();
  grant.intent.reset();
  grant.DropSecrets();
  grant.ended_because = because;
  absl::Status stored =
      co_await StoreForSure(flight, std::move(grant), nullptr, LeaseAfter::kRelease);
  // Somebody else moved the grant on: what they stored counts, not our refusal.
  if (HasReason(stored, Reason::kGenerationConflict)) co_return co_await ReadGrant(flight);
  if (!stored.ok()) co_return stored;
  std::string grant_id = flight.grant_id;
  auto ended = co_await flight.context.store.EndGrant(
      std::move(grant_id), GrantState::kReauthorizationRequired, because, kTombstoneLifetime);
  (void)ended;
  co_return Error(Reason::kReauthorizationRequired, {{"because", because}});
}

// What the commit of an answer came to. If somebody moved the grant on, what is there now counts.
// If it was ended, the tokens in hand belong to nobody and are revoked; if it was refreshed by a
// replica that thought us dead they are left alone, since revoking one could end the family that
// the new ones belong to.
StatusTask AfterCommit(Flight& flight, absl::Status stored, HeldAnswer answer,
                       std::vector<IssuedToken> issued) {
  if (answer) answer->Settle();
  if (!HasReason(stored, Reason::kGenerationConflict)) co_return stored;
  absl::Status read = co_await ReadGrant(flight);
  if (HasReason(read, Reason::kReauthorizationRequired)) {
    flight.context.revocations.Submit(*flight.client, std::move(issued));
  }
  co_return read;
}

// Nothing of the answer is released. A rotated refresh token is kept, since the old one is spent.
StatusTask KeepOnlyRefreshToken(Flight& flight, std::optional<Secret> rotated, HeldAnswer answer,
                                absl::Status refusal) {
  Grant grant = flight.grant.Copy();
  const bool is_new = rotated && (!grant.refresh_token || *grant.refresh_token != *rotated);
  std::vector<IssuedToken> issued;
  if (is_new) {
    issued.push_back({rotated->Copy(), "refresh_token"});
    grant = Rotated(flight.grant, *rotated, *flight.client, flight.context.clock.Now());
  }
  grant.intent.reset();
  absl::Status stored =
      co_await StoreForSure(flight, std::move(grant), answer, LeaseAfter::kRelease);
  stored = co_await AfterCommit(flight, std::move(stored), answer, std::move(issued));
  co_return stored.ok() ? refusal : stored;
}

// The refreshed tokens do not hold.
StatusTask RefuseAnswer(Flight& flight, oauth::TokenResponse response, HeldAnswer answer,
                        absl::Status refusal) {
  if (HasReason(refusal, Reason::kSubjectMismatch)) {
    // The provider now speaks of somebody else.
    flight.context.revocations.Submit(*flight.client, TokensOf(response));
    std::string because = "subject_mismatch";
    (void)co_await EndForGood(flight, std::move(because));
    if (answer) answer->Settle();
    co_return AsProviderFault(std::move(refusal));
  }
  co_return co_await KeepOnlyRefreshToken(flight, std::move(response.refresh_token), answer,
                                          AsProviderFault(std::move(refusal)));
}

// Checks what was answered before any of it is used. What needs the provider once more (its keys,
// an introspection) may take long, so a rotated refresh token is stored first: the check can be
// repeated, the refresh cannot.
StatusTask CheckAnswer(Flight& flight, oauth::TokenResponse& response, HeldAnswer answer) {
  const Client& client = *flight.client;
  absl::Status checked = co_await CheckRefreshedIdToken(client, flight.grant, response,
                                                        flight.context.clock, KeyPatience::kNone);
  const bool keys_away = absl::IsUnavailable(checked) || absl::IsDeadlineExceeded(checked);
  const bool asks_more = keys_away || (checked.ok() && client.confirms_access_tokens);
  if (asks_more && response.refresh_token) {
    Grant grant =
        Rotated(flight.grant, *response.refresh_token, *flight.client, flight.context.clock.Now());
    absl::Status stored =
        co_await StoreForSure(flight, std::move(grant), answer, LeaseAfter::kKeep);
    if (!stored.ok()) co_return stored;
    if (answer) answer->Settle();
  }
  if (keys_away) {
    checked = co_await CheckRefreshedIdToken(client, flight.grant, response, flight.context.clock,
                                             KeyPatience::kSome);
  }
  if (!checked.ok()) co_return checked;
  Secret shown = response.access_token.Copy();
  std::string subject = flight.grant.id_token.subject;
  auto dpop_key = Load(flight.grant.dpop_key);
  if (!dpop_key.ok()) co_return dpop_key.status();
  co_return co_await ConfirmAccessToken(client, std::move(shown), std::move(subject),
                                        *std::move(dpop_key), flight.context.clock);
}

}  // namespace

StatusTask UseAnswer(Flight& flight, oauth::TokenResponse response) {
  HeldAnswer answer;
  if (response.refresh_token) {
    Grant rotated =
        Rotated(flight.grant, *response.refresh_token, *flight.client, flight.context.clock.Now());
    answer =
        flight.context.answers.Hold(CommitOf(flight, std::move(rotated), LeaseAfter::kRelease));
  }
  std::vector<IssuedToken> issued = TokensOf(response);
  absl::Status checked = co_await CheckAnswer(flight, response, answer);
  if (HasReason(checked, Reason::kGenerationConflict)) {
    co_return co_await AfterCommit(flight, std::move(checked), answer, std::move(issued));
  }
  if (!checked.ok()) {
    co_return co_await RefuseAnswer(flight, std::move(response), answer, std::move(checked));
  }
  Grant grant = Refreshed(flight.grant, flight.need, *flight.client, response, flight.sent_at,
                          flight.context.clock.Now());
  absl::Status stored =
      co_await StoreForSure(flight, std::move(grant), answer, LeaseAfter::kRelease);
  co_return co_await AfterCommit(flight, std::move(stored), answer, std::move(issued));
}

StatusTask UseOnlyRefreshToken(Flight& flight, Secret rotated, absl::Status refusal) {
  Grant grant = Rotated(flight.grant, rotated, *flight.client, flight.context.clock.Now());
  HeldAnswer held =
      flight.context.answers.Hold(CommitOf(flight, std::move(grant), LeaseAfter::kRelease));
  co_return co_await KeepOnlyRefreshToken(flight, std::move(rotated), held, std::move(refusal));
}

StatusTask AfterFailure(Flight& flight, absl::Status failure) {
  if (HasReason(failure, Reason::kReauthorizationRequired)) {
    // `invalid_grant`: believed only if nobody has refreshed since.
    const std::uint64_t generation = flight.grant.generation;
    absl::Status read = co_await ReadGrant(flight);
    if (!read.ok()) co_return read;
    if (flight.grant.generation != generation) co_return absl::OkStatus();
    std::string because = "invalid_grant";
    co_return co_await EndForGood(flight, std::move(because));
  }
  if (provider::DeliveryOf(failure) == Delivery::kUnknown) {
    co_await LeaveOpen(flight);
  } else {
    co_await TakeIntentBack(flight);
  }
  co_return failure;
}

}  // namespace tokenbroker::broker
