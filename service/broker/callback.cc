#include "broker/callback.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "broker/browser_binding.h"
#include "broker/pause.h"
#include "broker/redemption.h"
#include "broker/refresh_commit.h"
#include "oauth/authorization_response.h"

namespace tokenbroker::broker {
namespace {

using grants::CallbackOutcome;
using grants::ClaimedAuthorization;

absl::StatusOr<oauth::AuthorizationResponse> Parse(const SubmittedCallback& callback) {
  return callback.kind == SubmittedCallback::Kind::kFormBody
             ? oauth::ParseFormPost(callback.content.Reveal())
             : oauth::ParseRedirectUrl(callback.content.Reveal());
}

// Claims the state, or waits for whoever is answering the same callback elsewhere.
Task<ClaimedAuthorization> Claim(grants::GrantStore& store, const Clock& clock, const Secret& state,
                                 const std::string& digest, absl::Duration patience) {
  Backoff backoff(absl::Milliseconds(50), absl::Milliseconds(500));
  const absl::Time give_up = clock.Now() + patience;
  while (true) {
    Secret sought = state.Copy();
    std::string copy = digest;
    auto claimed = co_await store.ClaimAuthorization(std::move(sought), std::move(copy));
    if (!claimed.ok()) co_return claimed.status();
    if (claimed->phase != ClaimedAuthorization::Phase::kInProgress) co_return claimed;
    if (clock.Now() >= give_up) {
      co_return WithRetryAfter(Error(Reason::kCallbackInProgress), absl::Seconds(1));
    }
    co_await Pause(backoff.Next());
  }
}

// Everything from the claim on: runs to its end whoever waits for it.
Task<std::shared_ptr<const CallbackOutcome>> ClaimAndRedeem(Redemption redemption,
                                                            std::string digest) {
  grants::GrantStore& store = redemption.store;
  const Clock& clock = redemption.clock;
  const absl::Time expires_at = redemption.pending.expires_at;
  const Secret state = redemption.response.state.Copy();
  // Neither must one that bears no request now: the code is sent only after the claim.
  provider::Urgency urgency(provider::Priority::kCallback);
  const absl::Time admit_until =
      redemption.clock.Now() + redemption.client->refresh.request_timeout;
  auto permit =
      co_await redemption.client->provider->AdmitTokenRequest(std::move(urgency), admit_until);
  if (!permit.ok()) co_return permit.status();
  redemption.permit = *std::move(permit);
  auto claimed = co_await Claim(store, redemption.clock, state, digest,
                                redemption.client->refresh.request_timeout);
  if (!claimed.ok()) co_return claimed.status();
  if (claimed->outcome) {
    co_return std::make_shared<const CallbackOutcome>(*std::move(claimed->outcome));
  }
  auto outcome = co_await Redeem(std::move(redemption));
  Secret kept_under = state.Copy();
  if (!outcome.ok()) {
    // Even if this fails the state stays claimed, so the code is never sent twice.
    (void)co_await store.SpendAuthorization(std::move(kept_under));
    co_return outcome.status();
  }
  grants::FinishedSignIn finished{std::move(kept_under), outcome->Copy()};
  (void)co_await FinishUntilStored(store, clock, std::move(finished), expires_at);
  co_return std::make_shared<const CallbackOutcome>(*std::move(outcome));
}

Task<std::shared_ptr<const CallbackOutcome>> Counted(
    Task<std::shared_ptr<const CallbackOutcome>> work,
    std::shared_ptr<std::atomic<int>> in_flight) {
  in_flight->fetch_add(1);
  auto outcome = co_await std::move(work);
  in_flight->fetch_sub(1);
  co_return outcome;
}

}  // namespace

Callback::Callback(const Clients& clients, grants::GrantStore& store, const Clock& clock,
                   Runtime& runtime, RevocationQueue revocations,
                   std::shared_ptr<HeldAnswers> answers)
    : clients_(clients),
      store_(store),
      clock_(clock),
      revocations_(std::move(revocations)),
      answers_(std::move(answers)),
      flights_(runtime, clock) {}

Task<CallbackAnswer> Callback::Submit(const Asker& asker, SubmittedCallback callback,
                                      absl::Time deadline) {
  CO_ASSIGN_OR_RETURN(auto response, Parse(callback));
  Secret sought = response.state.Copy();
  auto pending = co_await store_.FindAuthorization(std::move(sought));
  if (!pending.ok()) co_return pending.status();
  if (pending->caller != asker.name || !asker.MayUseClient(pending->client)) {
    co_return Error(Reason::kStateUnknown);
  }
  if (!BindingMatches(callback.browser_binding, pending->binding_digest)) {
    co_return Error(Reason::kBrowserBindingMismatch);
  }
  const ClientPtr client = clients_.FindAny(pending->client);
  if (client == nullptr || client->provider->issuer() != pending->issuer) {
    co_return Error(Reason::kStateUnknown);  // the configuration has moved on since
  }
  // A provider that cannot be reached now must not cost the user the sign-in: ask before claiming.
  auto metadata = co_await client->provider->Metadata(deadline);
  if (!metadata.ok()) co_return metadata.status();

  const std::string_view kind =
      callback.kind == SubmittedCallback::Kind::kFormBody ? "form" : "url";
  std::string digest = Sha256(absl::StrCat(std::string(kind), Sha256(callback.content.Reveal())));
  Secret caller_context = pending->caller_context.Copy();
  auto work = [redemption = Redemption{.client = client,
                                       .store = store_,
                                       .clock = clock_,
                                       .revocations = revocations_,
                                       .pending = *std::move(pending),
                                       .response = std::move(response),
                                       .answers = answers_},
               digest, in_flight = in_flight_]() mutable {
    return Counted(ClaimAndRedeem(std::move(redemption), digest), std::move(in_flight));
  };
  auto landed = co_await flights_.Run(digest, std::move(work), deadline);
  if (!landed.ok()) co_return landed.status();
  CallbackOutcome outcome = (*landed)->Copy();
  co_return co_await Present(std::move(outcome), std::move(caller_context));
}

Task<CallbackAnswer> Callback::Present(CallbackOutcome outcome, Secret caller_context) const {
  std::string grant_id = outcome.grant_id;
  auto grant = co_await store_.FindGrant(std::move(grant_id));
  if (!grant.ok()) co_return grant.status();
  co_return CallbackAnswer{
      .grant = *std::move(grant),
      .id_token_claims = std::move(outcome.id_token_claims),
      .front_channel_access_token = std::move(outcome.front_channel_access_token),
      .caller_context = std::move(caller_context)};
}

}  // namespace tokenbroker::broker
