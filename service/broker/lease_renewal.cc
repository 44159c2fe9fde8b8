#include "broker/lease_renewal.h"

#include <atomic>
#include <cstdint>
#include <utility>

#include "base/error.h"
#include "broker/pause.h"
#include "net/traced_executor.h"

namespace tokenbroker::broker {
namespace {

constexpr int kTries = 3;

}  // namespace

struct LeaseRenewal::Watch {
  Watch(const Clock& the_clock, grants::GrantStore& the_store, grants::Lease the_lease,
        absl::Duration the_lifetime, absl::Time since)
      : clock(the_clock),
        store(the_store),
        lease(std::move(the_lease)),
        lifetime(the_lifetime),
        confirmed_ns(absl::ToUnixNanos(since)) {}

  const Clock& clock;
  grants::GrantStore& store;
  const grants::Lease lease;
  const absl::Duration lifetime;
  std::atomic<bool> over = false;
  // A time at which the lease had its whole life before it.
  std::atomic<std::int64_t> confirmed_ns;

  // How long ago that was; without end where the clock was set back since, which proves nothing.
  absl::Duration Age() const {
    const absl::Duration age = clock.Now() - absl::FromUnixNanos(confirmed_ns.load());
    return age < absl::ZeroDuration() ? absl::InfiniteDuration() : age;
  }

  bool IsFresh() const { return Age() <= lifetime / 3; }

  static StatusTask Renew(std::shared_ptr<Watch> watch) {
    // Before the question: the store's answer may have been long on its way.
    const std::int64_t asked_ns = absl::ToUnixNanos(watch->clock.Now());
    grants::Lease copy = watch->lease;
    absl::Status renewed = co_await watch->store.RenewLease(std::move(copy), watch->lifetime);
    if (renewed.ok()) watch->confirmed_ns.store(asked_ns);
    co_return renewed;
  }

  // From a third of the lease's life on.
  static asio::awaitable<void> Run(std::shared_ptr<Watch> watch) {
    while (!watch->over.load()) {
      const absl::Status renewed = co_await Renew(watch);
      if (HasReason(renewed, Reason::kLeaseLost)) co_return;
      co_await Pause(watch->lifetime / 3);
    }
  }
};

LeaseRenewal::LeaseRenewal(Runtime& runtime, const Clock& clock, grants::GrantStore& store,
                           grants::Lease lease, absl::Duration lifetime, absl::Time since)
    : watch_(std::make_shared<Watch>(clock, store, std::move(lease), lifetime, since)),
      timer_(WithCurrentTrace(runtime.executor())) {
  timer_.expires_after(absl::ToChronoNanoseconds(lifetime / 3));
  timer_.async_wait([watch = watch_, &runtime](asio::error_code cancelled) {
    if (!cancelled) runtime.Spawn(Watch::Run(watch));
  });
}

LeaseRenewal::~LeaseRenewal() { watch_->over.store(true); }

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
