#include "broker/lease_renewal.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "base/error.h"
#include "base/mutex.h"
#include "broker/pause.h"
#include "net/traced_executor.h"

namespace tokenbroker::broker {
namespace {

constexpr int kTries = 3;
// After a failure the lease may be about to run out, or may be anybody's.
constexpr absl::Duration kAfterFailure = absl::Milliseconds(500);

}  // namespace

struct LeaseRenewal::Watch {
  Watch(const Clock& the_clock, grants::GrantStore& the_store, grants::Lease the_lease,
        absl::Duration the_lifetime, absl::Time since)
      : clock(the_clock),
        store(the_store),
        lifetime(the_lifetime),
        confirmed_ns(absl::ToUnixNanos(since)),
        lease(std::move(the_lease)) {}

  const Clock& clock;
  grants::GrantStore& store;
  const absl::Duration lifetime;
  std::atomic<bool> over = false;
  // A time at which the lease had its whole life before it.
  std::atomic<std::int64_t> confirmed_ns;
  mutable Mutex mutex;
  grants::Lease lease ABSL_GUARDED_BY(mutex);
  std::optional<grants::RefreshIntent> intent ABSL_GUARDED_BY(mutex);

  grants::Lease Lease() const ABSL_LOCKS_EXCLUDED(mutex) {
    const MutexLock lock(mutex);
    return lease;
  }

  void Took(grants::Lease again) ABSL_LOCKS_EXCLUDED(mutex) {
    const MutexLock lock(mutex);
    lease = std::move(again);
  }

  std::optional<grants::RefreshIntent> Intent() const ABSL_LOCKS_EXCLUDED(mutex) {
    const MutexLock lock(mutex);
    return intent;
  }

  // How long ago that was; without end where the clock was set back since, which proves nothing.
  absl::Duration Age() const {
    const absl::Duration age = clock.Now() - absl::FromUnixNanos(confirmed_ns.load());
    return age < absl::ZeroDuration() ? absl::InfiniteDuration() : age;
  }

  bool IsFresh() const { return Age() <= lifetime / kRenewalsInALease; }

  static StatusTask Renew(std::shared_ptr<Watch> watch) {
    // Before the question: the store's answer may have been long on its way.
    const std::int64_t asked_ns = absl::ToUnixNanos(watch->clock.Now());
    grants::Lease copy = watch->Lease();
    absl::Status renewed = co_await watch->store.RenewLease(std::move(copy), watch->lifetime);
    if (renewed.ok()) watch->confirmed_ns.store(asked_ns);
    co_return renewed;
  }

  // OK: the lease is ours again. Errors: as GrantStore::LeaseGrant; LEASE_LOST for good.
  static StatusTask TakeAgain(std::shared_ptr<Watch> watch) {
    const std::optional<grants::RefreshIntent> intent = watch->Intent();
    if (!intent) co_return Error(Reason::kLeaseLost);
    const std::int64_t asked_ns = absl::ToUnixNanos(watch->clock.Now());
    const grants::Lease lost = watch->Lease();
    std::string grant_id = lost.grant_id;
    std::string holder = lost.holder;
    auto leased =
        co_await watch->store.LeaseGrant(std::move(grant_id), std::move(holder), watch->lifetime);
    if (!leased.ok()) co_return leased.status();
    if (leased->grant.intent != *intent || watch->over.load()) {
      (void)co_await watch->store.ReleaseLease(std::move(leased->lease));
      co_return Error(Reason::kLeaseLost);
    }
    watch->Took(std::move(leased->lease));
    watch->confirmed_ns.store(asked_ns);
    co_return absl::OkStatus();
  }

  // From a third of the lease's life on.
  static asio::awaitable<void> Run(std::shared_ptr<Watch> watch) {
    while (!watch->over.load()) {
      absl::Status renewed = co_await Renew(watch);
      if (HasReason(renewed, Reason::kLeaseLost)) renewed = co_await TakeAgain(watch);
      const bool waiting_helps = renewed.ok() || HasReason(renewed, Reason::kStoreUnavailable) ||
                                 HasReason(renewed, Reason::kLeaseHeld);
      if (!waiting_helps) co_return;
      const absl::Duration pause = watch->lifetime / kRenewalsInALease;
      co_await Pause(renewed.ok() ? pause : std::min(pause, kAfterFailure));
    }
  }
};

LeaseRenewal::LeaseRenewal(Runtime& runtime, const Clock& clock, grants::GrantStore& store,
                           grants::Lease lease, absl::Duration lifetime, absl::Time since)
    : watch_(std::make_shared<Watch>(clock, store, std::move(lease), lifetime, since)),
      timer_(WithCurrentTrace(runtime.executor())) {
  timer_.expires_after(absl::ToChronoNanoseconds(lifetime / kRenewalsInALease));
  timer_.async_wait([watch = watch_, &runtime](asio::error_code cancelled) {
    if (!cancelled) runtime.Spawn(Watch::Run(watch));
  });
}

LeaseRenewal::~LeaseRenewal() { watch_->over.store(true); }

void LeaseRenewal::Guard(grants::RefreshIntent intent) const {
  const MutexLock lock(watch_->mutex);
  watch_->intent = std::move(intent);
}

grants::Lease LeaseRenewal::lease() const { return watch_->Lease(); }

std::function<bool()> LeaseRenewal::IsOurs() const {
  return [watch = watch_] { return watch->Age() < watch->lifetime; };
}

StatusTask LeaseRenewal::Confirm() const {
  const std::shared_ptr<Watch> watch = watch_;
  for (int i = 0; i < kTries; ++i) {
    if (watch->IsFresh()) co_return absl::OkStatus();
    absl::Status renewed = co_await Watch::Renew(watch);
    if (!renewed.ok()) co_return renewed;
  }
  if (watch->IsFresh()) co_return absl::OkStatus();
  co_return WithRetryAfter(Error(Reason::kStoreUnavailable, {{"cause", "slow"}}), absl::Seconds(1));
}

}  // namespace tokenbroker::broker
