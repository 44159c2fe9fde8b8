#include "broker/refresh_flight.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "asio/this_coro.hpp"
#include "base/error.h"
#include "broker/dpop.h"
#include "broker/held_token.h"
#include "broker/lease_renewal.h"
#include "broker/refresh_answer.h"
#include "broker/refresh_intent.h"
#include "broker/refresh_steps.h"
#include "broker/refreshed_grant.h"
#include "net/wake_up.h"

namespace tokenbroker::broker {
namespace {

using grants::Grant;
using provider::Delivery;

// A release of a lease without a commit is not heard, nor is anything while changes are lost.
constexpr absl::Duration kLookAgain = absl::Seconds(1);
// However short requests to the provider are: more than AnswerMayComeUntil says after an outage.
constexpr absl::Duration kLeastPatience = absl::Seconds(10);

bool Met(const Flight& flight) {
  return Meets(flight.grant, flight.need, flight.client->refresh, flight.context.clock.Now());
}

// Of this very process: whose flights take turns, so that what stands is the end of one.
bool IsOwn(const grants::RefreshIntent& intent, const std::string& holder) {
  return intent.holder.starts_with(holder.substr(0, holder.rfind('/') + 1));
}

// Nothing was sent: others were faster.
bool WasOvertaken(const absl::Status& status) {
  return HasReason(status, Reason::kLeaseLost) || HasReason(status, Reason::kGenerationConflict);
}

// Until when the grant is to be left to the sender of its intent; nothing where it need not be.
std::optional<absl::Time> LeftAloneUntil(const Flight& flight, absl::Time took_change_at) {
  const absl::Time now = flight.context.clock.Now();
  const auto standing = flight.context.harmless.Standing(flight.grant);
  // An access token that lives, and a leeway, have rules of their own: NextIntent.
  if (!standing || standing->holder.empty() || IsOwn(*standing, flight.holder) ||
      !HasNothingLeft(flight.grant, now) ||
      MayReplay(*standing, flight.client->provider->rules(), now)) {
    return std::nullopt;
  }
  const absl::Time until =
      AnswerMayComeUntil(*standing, flight.client->refresh.lease,
                         flight.context.store.ChangesSeenSince(flight.grant_id), took_change_at);
  return until > now ? std::optional(until) : std::nullopt;
}

// Ends when the grant need not be left to the sender of its intent any more, or with `true`: the
// sender has brought what is needed. Errors: STORE_UNAVAILABLE also where the store refuses
// changes; LEASE_HELD.
Task<bool> LeaveToSender(Flight& flight, absl::Time took_change_at,
                         std::shared_ptr<WakeUp> wake_up) {
  const absl::Time give_up =
      took_change_at + std::max(flight.client->refresh.request_timeout, kLeastPatience);
  while (const auto until = LeftAloneUntil(flight, took_change_at)) {
    const absl::Time now = flight.context.clock.Now();
    if (now >= give_up) co_return WithRetryAfter(Error(Reason::kLeaseHeld), *until - now);
    co_await wake_up->Wait(std::min(*until - now, kLookAgain));
    // Alters nothing, but shows whether the store takes changes still: the sender's time does not
    // run while it refuses them.
    std::string grant_id = flight.grant_id;
    absl::Status looked =
        co_await flight.context.store.TouchGrant(std::move(grant_id), flight.grant.last_used_at);
    if (looked.ok()) looked = co_await ReadGrant(flight);
    if (!looked.ok()) co_return looked;
    if (Met(flight)) co_return true;
  }
  co_return false;
}

// Ends with the lease held and the grant read under it, or with `true`: another holder has brought
// what is needed. Woken by what the store hears of the holder; polls nothing.
Task<bool> TakeLease(Flight& flight) {
  const auto wake_up = std::make_shared<WakeUp>(co_await asio::this_coro::executor);
  const auto listening =
      flight.context.changes.Listen(flight.grant_id, [wake_up] { wake_up->Wake(); });
  const absl::Time give_up = flight.context.clock.Now() + flight.client->refresh.request_timeout;
  std::optional<absl::Time> took_change_at;  // since when this flight could have the lease
  LeaseWait wait(flight.context.waits.in_another_replica, flight.context.clock);
  while (true) {
    std::string grant_id = flight.grant_id;
    std::string holder = flight.holder;
    flight.leased_at = flight.context.clock.Now();
    auto leased = co_await flight.context.store.LeaseGrant(std::move(grant_id), std::move(holder),
                                                           flight.client->refresh.lease);
    absl::Status read;
    if (leased.ok()) {
      flight.lease = std::move(leased->lease);
      read = TakeIn(flight, std::move(leased->grant));
    } else if (HasReason(leased.status(), Reason::kLeaseHeld)) {
      read = co_await ReadGrant(flight);
    } else {
      co_return leased.status();
    }
    if (!read.ok()) co_return read;
    if (leased.ok() && !took_change_at) took_change_at = flight.context.clock.Now();
    if (leased.ok() && !Met(flight) && LeftAloneUntil(flight, *took_change_at)) {
      (void)co_await Release(flight);
      flight.lease = {};
      wait.Begin();
      std::shared_ptr<WakeUp> woken_by = wake_up;
      auto brought = co_await LeaveToSender(flight, *took_change_at, std::move(woken_by));
      if (!brought.ok() || *brought) co_return brought;
      continue;
    }
    if (leased.ok() || Met(flight)) co_return Met(flight);
    if (flight.context.clock.Now() >= give_up) co_return leased.status();
    wait.Begin();
    co_await wake_up->Wait(
        std::min(RetryAfterOf(leased.status()).value_or(kLookAgain), kLookAgain));
    read = co_await ReadGrant(flight);
    if (!read.ok()) co_return read;
    if (Met(flight)) co_return true;
  }
}

// Stores what was read under the lease, which is kept, with `intent`, once: nothing is in hand yet.
StatusTask CommitIntent(Flight& flight, grants::RefreshIntent intent) {
  grants::GrantCommit commit = CommitOf(flight, flight.grant.Copy(), LeaseAfter::kKeep);
  commit.grant.intent = intent;
  absl::Status stored = co_await flight.context.store.CommitGrant(std::move(commit));
  if (stored.ok()) flight.grant.intent = std::move(intent);
  co_return stored;
}

// Ends with the intent stored and the lease ours for long enough to send the request: a replica
// that slept since then, or whose store took its time, must not send what another may have sent by
// now. Otherwise nothing may be sent, and the intent, which may stand in the store, is known to be
// void.
StatusTask WriteIntent(Flight& flight, const LeaseRenewal& renewal) {
  const auto earlier = flight.context.harmless.Standing(flight.grant);
  auto intent = NextIntent(flight.grant, earlier, *flight.client->provider, flight.holder,
                           flight.lease.fence, flight.context.clock.Now());
  if (!intent.ok()) co_return intent.status();
  flight.intent_before = earlier;
  flight.intent = *intent;
  absl::Status ready = co_await CommitIntent(flight, *std::move(intent));
  if (ready.ok()) {
    renewal.Guard(*flight.intent);
    ready = co_await renewal.Confirm();
  }
  if (!ready.ok()) DisownIntent(flight);
  co_return ready;
}

// Ends a flight that is not to send anything. Where its intent may stand in the store it is taken
// back: others would have to take it for one that was sent. A flight that was overtaken has no say
// about the grant any more.
asio::awaitable<void> StandDown(Flight& flight, absl::Status because) {
  if (flight.intent && !WasOvertaken(because)) {
    co_await TakeIntentBack(flight);
  } else {
    (void)co_await Release(flight);
  }
}

// Whether the answer got lost, or is one that nobody can read: the provider is there, and asking it
// again at once is what its leeway is for. One that fails is given time first.
bool IsLost(const provider::RefreshAnswer& answer) {
  return !answer.tokens.ok() && !answer.rotated &&
         provider::DeliveryOf(answer.tokens.status()) == Delivery::kUnknown &&
         !MetadataOf(answer.tokens.status()).contains("status");
}

// The lease is looked at once more when the request is about to leave: connecting takes time too.
asio::awaitable<provider::RefreshAnswer> Present(Flight& flight, oauth::DpopKey dpop_key,
                                                 provider::Permit permit,
                                                 std::function<bool()> may_leave) {
  oauth::RefreshToken request = RefreshRequestFor(flight.grant, flight.need, *flight.client);
  flight.sent_at = flight.context.clock.Now();
  const absl::Time deadline = flight.sent_at + flight.client->refresh.request_timeout;
  co_return co_await flight.client->provider->Refresh(
      flight.client->registration, std::move(request), std::move(dpop_key), std::move(permit),
      std::move(may_leave), deadline);
}

Task<provider::Permit> Admit(Flight& flight) {
  const absl::Time deadline = flight.context.clock.Now() + flight.client->refresh.request_timeout;
  provider::Urgency urgency = flight.urgency;
  return flight.client->provider->AdmitTokenRequest(std::move(urgency), deadline);
}

StatusTask Exchange(Flight& flight) {
  flight.intent.reset();
  flight.intent_before.reset();
  const LeaseRenewal renewal(flight.context.runtime, flight.context.clock, flight.context.store,
                             flight.lease, flight.client->refresh.lease, flight.leased_at);
  std::unique_ptr<HeldLeases::Held> held = flight.context.leases.Hold(flight.lease);
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
  if (intended.ok()) intended = co_await WriteIntent(flight, renewal);
  if (intended.ok() && held->is_handed_back()) intended = Error(Reason::kShuttingDown);
  if (!intended.ok()) {
    co_await StandDown(flight, intended);
    co_return intended;
  }
  provider::RefreshAnswer answer =
      co_await Present(flight, *dpop_key, std::move(permit), renewal.IsOurs());
  if (IsLost(answer) && MayReplay(*flight.grant.intent, flight.client->provider->rules(),
                                  flight.context.clock.Now())) {
    // Without a turn, or an intent that says so, there is no replay: it ends as the loss does.
    auto again = co_await Admit(flight);
    intended = again.status();
    if (intended.ok()) intended = co_await WriteIntent(flight, renewal);
    if (intended.ok() && held->is_handed_back()) intended = Error(Reason::kShuttingDown);
    if (intended.ok())
      answer = co_await Present(flight, *dpop_key, *std::move(again), renewal.IsOurs());
  }
  if (HasReason(answer.tokens.status(), Reason::kCancelled) &&
      provider::DeliveryOf(answer.tokens.status()) == Delivery::kNotSent) {
    DisownIntent(flight);
    co_return Error(Reason::kLeaseLost);
  }
  // What was answered is stored under the lease: nobody else may have it meanwhile.
  flight.lease = renewal.lease();
  held.reset();
  if (answer.tokens.ok()) co_return co_await UseAnswer(flight, *std::move(answer.tokens));
  if (!answer.rotated) co_return co_await AfterFailure(flight, answer.tokens.status());
  co_return co_await UseOnlyRefreshToken(flight, *std::move(answer.rotated),
                                         answer.tokens.status());
}

}  // namespace

StatusTask RefreshFlight(RefreshContext context, std::string grant_id, RefreshNeed need,
                         std::string holder, provider::Urgency urgency,
                         std::optional<Grant> as_read) {
  Flight flight{.context = context,
                .grant_id = std::move(grant_id),
                .need = std::move(need),
                .holder = std::move(holder),
                .urgency = std::move(urgency)};
  absl::Status read;
  if (as_read) {
    read = TakeIn(flight, *std::move(as_read));
  } else {
    read = co_await ReadGrant(flight);
  }
  if (!read.ok()) co_return read;
  if (Met(flight)) co_return absl::OkStatus();

  std::optional<GrantTurns::Turn> turn = context.turns.TryTake(flight.grant_id);
  if (!turn) {
    LeaseWait wait(context.waits.in_this_replica, context.clock);
    wait.Begin();
    std::string waited_for = flight.grant_id;
    auto taken =
        co_await context.turns.Take(std::move(waited_for), flight.client->refresh.request_timeout);
    if (!taken.ok()) co_return taken.status();
    turn.emplace(*std::move(taken));
    read = co_await ReadGrant(flight);
    if (!read.ok()) co_return read;
    if (Met(flight)) co_return absl::OkStatus();
  }
  const absl::Time give_up = context.clock.Now() + flight.client->refresh.request_timeout;
  while (true) {
    auto brought = co_await TakeLease(flight);
    if (!brought.ok()) co_return brought.status();
    if (*brought || !flight.grant.refresh_token) {
      if (flight.lease.fence != 0) (void)co_await Release(flight);
      if (*brought) co_return absl::OkStatus();
      co_return Ended(flight.grant);
    }
    absl::Status exchanged = co_await Exchange(flight);
    if (!WasOvertaken(exchanged)) co_return exchanged;
    // Another replica has the grant, or has changed it: what it brings counts.
    if (context.clock.Now() >= give_up) {
      co_return WithRetryAfter(Error(Reason::kLeaseHeld), kLookAgain);
    }
  }
}

}  // namespace tokenbroker::broker
