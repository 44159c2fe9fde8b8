#include "broker/lease_renewal.h"

#include <atomic>
#include <utility>

#include "base/error.h"
#include "broker/pause.h"

namespace tokenbroker::broker {

struct LeaseRenewal::Watch {
  std::atomic<bool> over = false;

  static asio::awaitable<void> Run(std::shared_ptr<Watch> watch, grants::GrantStore& store,
                                   grants::Lease lease, absl::Duration lifetime) {
    while (true) {
      co_await Pause(lifetime / 3);
      if (watch->over.load()) co_return;
      const absl::Status renewed = co_await store.RenewLease(lease, lifetime);
      if (HasReason(renewed, Reason::kLeaseLost)) co_return;
    }
  }
};

LeaseRenewal::LeaseRenewal(Runtime& runtime, grants::GrantStore& store, grants::Lease lease,
                           absl::Duration lifetime)
    : watch_(std::make_shared<Watch>()) {
  runtime.Spawn(Watch::Run(watch_, store, std::move(lease), lifetime));
}

LeaseRenewal::~LeaseRenewal() { watch_->over.store(true); }

}  // namespace tokenbroker::broker
