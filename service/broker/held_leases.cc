#include "broker/held_leases.h"

#include <utility>

namespace tokenbroker::broker {

HeldLeases::Held::~Held() {
  const MutexLock lock(all_.mutex_);
  all_.held_.erase(this);
}

bool HeldLeases::Held::is_handed_back() const {
  const MutexLock lock(all_.mutex_);
  return is_handed_back_;
}

std::unique_ptr<HeldLeases::Held> HeldLeases::Hold(grants::Lease lease) {
  auto held = std::unique_ptr<Held>(new Held(*this, std::move(lease)));
  const MutexLock lock(mutex_);
  held->is_handed_back_ = is_closed_;
  held_.insert(held.get());
  return held;
}

std::vector<grants::Lease> HeldLeases::TakeAll() {
  std::vector<grants::Lease> leases;
  const MutexLock lock(mutex_);
  is_closed_ = true;
  for (Held* held : held_) {
    if (std::exchange(held->is_handed_back_, true)) continue;
    leases.push_back(held->lease_);
  }
  return leases;
}

}  // namespace tokenbroker::broker
