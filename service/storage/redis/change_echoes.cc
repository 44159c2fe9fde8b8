#include "storage/redis/change_echoes.h"

namespace tokenbroker::storage {

void ChangeEchoes::Sent(const std::string& grant_id) {
  if (!tell_) return;
  const absl::Time now = clock_.Now();
  const MutexLock lock(mutex_);
  if (sent_.size() < kMost) sent_.insert_or_assign(grant_id, now);
}

void ChangeEchoes::Failed(const std::string& grant_id) {
  if (!tell_) return;
  const MutexLock lock(mutex_);
  sent_.erase(grant_id);
}

void ChangeEchoes::Heard(const std::string& grant_id) {
  if (!tell_) return;
  const absl::Time now = clock_.Now();
  absl::Time sent;
  {
    const MutexLock lock(mutex_);
    const auto found = sent_.find(grant_id);
    if (found == sent_.end()) return;
    sent = found->second;
    sent_.erase(found);
  }
  tell_(now - sent);
}

void ChangeEchoes::Forget() {
  const MutexLock lock(mutex_);
  sent_.clear();
}

}  // namespace tokenbroker::storage
