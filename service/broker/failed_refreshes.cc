#include "broker/failed_refreshes.h"

#include "base/error.h"
#include "provider/provider.h"

namespace tokenbroker::broker {
namespace {

bool IsKept(const absl::Status& outcome) {
  if (provider::DeliveryOf(outcome) != provider::Delivery::kAnswered) return false;
  switch (ReasonOf(outcome).value_or(Reason::kInternal)) {
    case Reason::kProviderUnavailable:
    case Reason::kProviderRateLimited:
    case Reason::kProviderRejectedClient:
    case Reason::kProviderDenied:
    case Reason::kProviderResponseInvalid:
    case Reason::kProviderMisconfigured:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::optional<absl::Status> FailedRefreshes::Find(const std::string& key, absl::Time now) const {
  const MutexLock lock(mutex_);
  const auto found = failed_.find(key);
  if (found == failed_.end()) return std::nullopt;
  const Failure& failure = found->second;
  const auto until = failure.back_off.BlockedUntil(now);
  if (!until) return std::nullopt;
  if (!RetryAfterOf(failure.status)) return failure.status;
  return WithRetryAfter(failure.status, *until - now);
}

void FailedRefreshes::Landed(const std::string& key, const absl::Status& outcome, absl::Time now) {
  const MutexLock lock(mutex_);
  if (outcome.ok()) {
    failed_.erase(key);
    return;
  }
  if (!IsKept(outcome)) return;
  MakeRoom(now);
  Failure& failure = failed_[key];
  failure.status = outcome;
  failure.back_off.Failed(outcome, now).IgnoreError();
}

void FailedRefreshes::MakeRoom(absl::Time now) {
  if (failed_.size() < most_) return;
  std::erase_if(failed_,
                [now](const auto& entry) { return !entry.second.back_off.BlockedUntil(now); });
  if (failed_.size() >= most_) failed_.erase(failed_.begin());
}

}  // namespace tokenbroker::broker
