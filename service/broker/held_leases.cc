#include "broker/held_leases.h"

namespace tokenbroker::broker {

HeldLeases::Held::~Held() {
  const MutexLock lock(all_.mutex_);
  all_.held_.erase(this);
}

std::unique_ptr<HeldLeases::Held> HeldLeases::Hold(grants::Lease lease) {
  auto held = std::unique_ptr<Held>(new Held(*this, std::move(lease)));
  const MutexLock lock(mutex_);
  held->is_handed_back_.store(is_closed_);
  held_.insert(held.get());
  return held;
}

std::vector<grants::Lease> HeldLeases::TakeAll() {
  std::vector<grants::Lease> leases;
  const MutexLock lock(mutex_);
  is_closed_ = true;
  for (Held* held : held_) {
    if (held->is_handed_back_.exchange(true)) continue;
    leases.push_back(held->lease_);
  }
  return leases;
}

}  // namespace tokenbroker::broker
