#include "broker/refresh_flight.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/status_macros.h"
#include "broker/dpop.h"
#include "broker/id_token_check.h"
#include "broker/lease_renewal.h"
#include "broker/lifetime.h"
#include "broker/pause.h"
#include "broker/refresh.h"
#include "broker/revocation.h"
#include "broker/token_confirmation.h"

namespace tokenbroker::broker {
namespace {

using grants::Grant;
using grants::GrantState;
using provider::Delivery;

// How many selections of one grant are kept; the ones that ended longest ago go first.
constexpr std::size_t kMaxTokensOfGrant = 16;

constexpr absl::Duration kPauseAfterNonsense = absl::Minutes(1);

// What one flight has in hand. Lives as long as the coroutine that made it.
struct Flight {
  RefreshContext context;
  std::string grant_id;
  RefreshNeed need;
  std::string holder;
  provider::Urgency urgency;
  absl::Time give_up;  // waiting for the lease, not for the commit

  ClientPtr client;
  grants::Lease lease;
  Grant grant;  // as read under the lease
};

absl::Status Ended(const Grant& grant) {
  return Error(Reason::kReauthorizationRequired, {{"because", grant.ended_because}});
}

// Reads the grant; an ended one is an error.
StatusTask ReadGrant(Flight& flight) {
  std::string grant_id = flight.grant_id;
  auto grant = co_await flight.context.store.FindGrant(std::move(grant_id));
  if (!grant.ok()) co_return grant.status();
  flight.grant = *std::move(grant);
  if (flight.grant.state != GrantState::kActive) co_return Ended(flight.grant);
  flight.client = flight.context.clients.FindAny(flight.grant.client);
  if (flight.client == nullptr) co_return Error(Reason::kClientUnknown);
  co_return absl::OkStatus();
}

bool Met(const Flight& flight) {
  return Meets(flight.grant, flight.need, flight.client->refresh, flight.context.clock.Now());
}

// Ends with the lease held and the grant read under it, or with `true`: another holder has brought
// what is needed.
Task<bool> TakeLease(Flight& flight) {
  Backoff backoff(absl::Milliseconds(20), absl::Milliseconds(250));
  while (true) {
    std::string grant_id = flight.grant_id;
    std::string holder = flight.holder;
    auto lease = co_await flight.context.store.AcquireLease(std::move(grant_id), std::move(holder),
                                                            flight.client->refresh.lease);
    if (lease.ok()) {
      flight.lease = *std::move(lease);
      absl::Status read = co_await ReadGrant(flight);
      if (!read.ok()) co_return read;
      co_return Met(flight);
    }
    const bool held = HasReason(lease.status(), Reason::kLeaseHeld);
    if (!held || flight.context.clock.Now() >= flight.give_up) co_return lease.status();
    co_await Pause(backoff.Next());
    absl::Status read = co_await ReadGrant(flight);
    if (!read.ok()) co_return read;
    if (Met(flight)) co_return true;
  }
}

// Stores `grant` over what was read under the lease. `kKeep` is for the intent.
enum class LeaseAfter { kKeep, kRelease };
StatusTask Commit(Flight& flight, const Grant& grant, LeaseAfter after) {
  grants::GrantCommit commit{.grant = grant.Copy(),
                             .expected_generation = flight.grant.generation,
                             .lease = flight.lease,
                             .release_lease = after == LeaseAfter::kRelease};
  co_return co_await flight.context.store.CommitGrant(std::move(commit));
}

// The answer of the provider is in hand and nowhere else. Tries until the store has it, through
// outages and through losing the lease, as long as nobody else has moved the grant on.
StatusTask CommitUntilStored(Flight& flight, Grant grant) {
  Backoff backoff(absl::Milliseconds(50), absl::Seconds(2));
  while (true) {
    absl::Status stored = co_await Commit(flight, grant, LeaseAfter::kRelease);
    if (HasReason(stored, Reason::kLeaseLost)) {
      std::string grant_id = flight.grant_id;
      std::string holder = flight.holder;
      auto lease = co_await flight.context.store.AcquireLease(
          std::move(grant_id), std::move(holder), flight.client->refresh.lease);
      if (lease.ok()) {
        flight.lease = *std::move(lease);
        continue;
      }
      stored = lease.status();
    }
    const bool worth_trying =
        HasReason(stored, Reason::kStoreUnavailable) || HasReason(stored, Reason::kLeaseHeld);
    if (stored.ok() || !worth_trying) co_return stored;
    co_await Pause(backoff.Next());
  }
}

// Whether the refresh token may leave although an earlier request with it may have been acted on.
// Replaying inside the provider's leeway is safe once; otherwise the access token is served to its
// end first, because presenting a spent token can make the provider end the whole grant.
absl::Status MaySendAfter(const grants::RefreshIntent& intent, const Flight& flight,
                          grants::RefreshIntent& next) {
  const absl::Time now = flight.context.clock.Now();
  const absl::Duration leeway = flight.client->provider->rules().reuse_leeway;
  if (!intent.replayed && now - intent.sent_at < leeway) {
    next.replayed = true;
    return absl::OkStatus();
  }
  absl::Time last_end = absl::InfinitePast();
  for (const auto& [selector, token] : flight.grant.access_tokens) {
    last_end = std::max(last_end, token.expires_at);
  }
  if (now >= last_end) return absl::OkStatus();
  return WithRetryAfter(
      ErrorWithMessage(
          Reason::kProviderUnavailable,
          "The outcome of an earlier refresh is unknown; the access token is served to "
          "its end before the refresh token is tried again.",
          {{"provider", flight.client->provider->name()}}),
      last_end - now);
}

StatusTask WriteIntent(Flight& flight) {
  grants::RefreshIntent intent{
      .holder = flight.holder, .fence = flight.lease.fence, .sent_at = flight.context.clock.Now()};
  if (flight.grant.intent) {
    CO_RETURN_IF_ERROR(MaySendAfter(*flight.grant.intent, flight, intent));
  }
  Grant marked = flight.grant.Copy();
  marked.intent = std::move(intent);
  absl::Status stored = co_await Commit(flight, marked, LeaseAfter::kKeep);
  if (stored.ok()) flight.grant = std::move(marked);
  co_return stored;
}

// A request that the provider certainly did not act on leaves no intent behind.
StatusTask ForgetIntent(Flight& flight) {
  Grant grant = flight.grant.Copy();
  grant.intent.reset();
  co_return co_await Commit(flight, grant, LeaseAfter::kRelease);
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
  absl::Status stored = co_await CommitUntilStored(flight, std::move(grant));
  // Somebody else moved the grant on: what they stored counts, not our refusal.
  if (HasReason(stored, Reason::kGenerationConflict)) co_return co_await ReadGrant(flight);
  if (!stored.ok()) co_return stored;
  std::string grant_id = flight.grant_id;
  auto ended = co_await flight.context.store.EndGrant(
      std::move(grant_id), GrantState::kReauthorizationRequired, because, kTombstoneLifetime);
  (void)ended;
  co_return Error(Reason::kReauthorizationRequired, {{"because", because}});
}

// Such a request was not even looked at (RFC 9449 sections 5 and 8).
bool RefusesProof(const absl::Status& failure) {
  if (provider::DeliveryOf(failure) != Delivery::kAnswered) return false;
  const ErrorMetadata metadata = MetadataOf(failure);
  const auto error = metadata.find("error");
  return error != metadata.end() &&
         (error->second == "use_dpop_nonce" || error->second == "invalid_dpop_proof");
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
  // A broken answer may come after the refresh token was spent: its intent stays.
  const bool acted_on =
      provider::DeliveryOf(failure) == Delivery::kUnknown ||
      (HasReason(failure, Reason::kProviderResponseInvalid) && !RefusesProof(failure));
  if (acted_on) {
    grants::Lease lease = flight.lease;
    (void)co_await flight.context.store.ReleaseLease(std::move(lease));
  } else {
    (void)co_await ForgetIntent(flight);
  }
  co_return failure;
}

// The grant with what the provider answered in it (RFC 6749 section 6): a refresh token that is not
// in the answer stays, one that is replaces the old one in the same commit.
Grant Merge(const Flight& flight, oauth::TokenResponse& response) {
  const absl::Time now = flight.context.clock.Now();
  const grants::TokenSelector& selector = flight.need.selector;
  Grant grant = flight.grant.Copy();
  grant.intent.reset();
  grant.generation = flight.grant.generation + 1;
  grant.last_refreshed_at = now;
  if (response.refresh_token) grant.refresh_token = std::move(response.refresh_token);
  if (response.id_token) grant.raw_id_token = std::move(response.id_token);
  if (selector.scopes.empty() && response.scopes) grant.scopes = *response.scopes;
  const oauth::Scopes& asked = selector.scopes.empty() ? grant.scopes : selector.scopes;
  grant.access_tokens.insert_or_assign(selector,
                                       KeepAccessToken(response, asked, *flight.client, now));
  while (grant.access_tokens.size() > kMaxTokensOfGrant) {
    grant.access_tokens.erase(std::min_element(
        grant.access_tokens.begin(), grant.access_tokens.end(),
        [](const auto& a, const auto& b) { return a.second.expires_at < b.second.expires_at; }));
  }
  grant.next_refresh_at = NextRefresh(grant, flight.client->refresh);
  if (!flight.need.ahead_of_time) grant.last_used_at = now;
  grant.ends_at = EndOf(grant, *flight.client, grant.last_used_at);
  return grant;
}

// The refreshed ID token does not hold. Nothing of the answer is released; the rotated refresh
// token is kept, since the old one is spent, unless the provider now speaks of somebody else.
StatusTask RefuseAnswer(Flight& flight, oauth::TokenResponse response, absl::Status refusal) {
  if (HasReason(refusal, Reason::kSubjectMismatch)) {
    RevokeInBackground(flight.context.runtime, flight.client, TokensOf(response),
                       flight.context.clock);
    std::string because = "subject_mismatch";
    (void)co_await EndForGood(flight, std::move(because));
    co_return AsProviderFault(std::move(refusal));
  }
  Grant grant = flight.grant.Copy();
  grant.intent.reset();
  if (response.refresh_token) {
    grant.refresh_token = std::move(response.refresh_token);
    grant.generation = flight.grant.generation + 1;
    // The time in the record is past: a provider that answers nonsense is not asked again at once.
    if (grant.next_refresh_at) {
      const absl::Duration pause = std::max(flight.client->refresh.floor, kPauseAfterNonsense);
      grant.next_refresh_at = flight.context.clock.Now() + pause;
    }
  }
  absl::Status stored = co_await CommitUntilStored(flight, std::move(grant));
  if (!stored.ok()) co_return stored;
  co_return HasReason(refusal, Reason::kProviderUnavailable) ? refusal
                                                             : AsProviderFault(std::move(refusal));
}

oauth::RefreshToken TokenRequestFor(const Flight& flight) {
  const grants::TokenSelector& selector = flight.need.selector;
  // A provider remembers the grant's audience, but among several resources it has to be told
  // (RFC 8707 section 2.2).
  Target target = TargetOf(*flight.client,
                           selector.audience.empty() ? flight.grant.audience : selector.audience);
  return {.refresh_token = flight.grant.refresh_token->Copy(),
          .scopes = selector.scopes,
          .audience = selector.audience.empty() ? std::nullopt : std::move(target.audience),
          .resources = std::move(target.resources)};
}

Task<provider::Permit> Admit(Flight& flight) {
  const absl::Time deadline = flight.context.clock.Now() + flight.client->refresh.request_timeout;
  provider::Urgency urgency = flight.urgency;
  return flight.client->provider->AdmitTokenRequest(std::move(urgency), deadline);
}

StatusTask Exchange(Flight& flight) {
  const LeaseRenewal renewal(flight.context.runtime, flight.context.store, flight.lease,
                             flight.client->refresh.lease);
  auto dpop_key = Load(flight.grant.dpop_key);
  absl::Status intended = dpop_key.status();
  // The turn at the provider comes before the intent: a grant that waits, or is told to come back,
  // has nothing under way that a crash could leave open.
  provider::Permit permit;
  if (intended.ok()) {
    auto admitted = co_await Admit(flight);
    intended = admitted.status();
    if (admitted.ok()) permit = *std::move(admitted);
  }
  if (intended.ok()) intended = co_await WriteIntent(flight);
  if (!intended.ok()) {
    grants::Lease lease = flight.lease;
    (void)co_await flight.context.store.ReleaseLease(std::move(lease));
    co_return intended;
  }
  oauth::AuthorizationGrant request = TokenRequestFor(flight);
  const absl::Time deadline = flight.context.clock.Now() + flight.client->refresh.request_timeout;
  auto response = co_await flight.client->provider->RequestToken(
      flight.client->registration, std::move(request), *std::move(dpop_key), std::move(permit),
      deadline);
  if (!response.ok()) co_return co_await AfterFailure(flight, response.status());

  absl::Status checked =
      co_await CheckRefreshedIdToken(*flight.client, flight.grant, *response, flight.context.clock);
  if (checked.ok()) {
    Secret shown = response->access_token.Copy();
    std::string subject = flight.grant.id_token.subject;
    checked = co_await ConfirmAccessToken(*flight.client, std::move(shown), std::move(subject),
                                          flight.context.clock);
  }
  if (!checked.ok()) {
    co_return co_await RefuseAnswer(flight, *std::move(response), std::move(checked));
  }
  std::vector<IssuedToken> issued = TokensOf(*response);
  Grant grant = Merge(flight, *response);
  absl::Status stored = co_await CommitUntilStored(flight, std::move(grant));
  if (!HasReason(stored, Reason::kGenerationConflict)) co_return stored;
  // Somebody moved the grant on: what is there now counts. If it was ended, the tokens in hand
  // belong to nobody and are revoked; if it was refreshed by a replica that thought us dead they
  // are left alone, since revoking one could end the family that the new ones belong to.
  absl::Status read = co_await ReadGrant(flight);
  if (HasReason(read, Reason::kReauthorizationRequired)) {
    RevokeInBackground(flight.context.runtime, flight.client, std::move(issued),
                       flight.context.clock);
  }
  co_return read;
}

}  // namespace

StatusTask RefreshFlight(RefreshContext context, std::string grant_id, RefreshNeed need,
                         std::string holder, provider::Urgency urgency) {
  Flight flight{.context = context,
                .grant_id = std::move(grant_id),
                .need = std::move(need),
                .holder = std::move(holder),
                .urgency = std::move(urgency)};
  absl::Status read = co_await ReadGrant(flight);
  if (!read.ok()) co_return read;
  if (Met(flight)) co_return absl::OkStatus();
  flight.give_up = context.clock.Now() + flight.client->refresh.request_timeout;

  auto brought = co_await TakeLease(flight);
  if (!brought.ok()) co_return brought.status();
  const bool done = *brought || !flight.grant.refresh_token;
  if (!done) co_return co_await Exchange(flight);
  grants::Lease lease = flight.lease;
  if (lease.fence != 0) (void)co_await context.store.ReleaseLease(std::move(lease));
  if (!*brought)
    co_return Error(Reason::kReauthorizationRequired, {{"because", "no_refresh_token"}});
  co_return absl::OkStatus();
}

}  // namespace tokenbroker::broker
