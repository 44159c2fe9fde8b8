#include "storage/memory/memory_revocations.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace tokenbroker::storage {

using grants::PendingRevocation;

absl::Status MemoryRevocations::Put(PendingRevocation revocation, absl::Time due,
                                    absl::Duration lifetime) {
  const MutexLock lock(mutex_);
  const std::string id = revocation.id;
  if (!entries_.contains(id) && entries_.size() >= limit_) {
    return Error(Reason::kLimitReached, {{"limit", "revocations"}});
  }
  entries_.insert_or_assign(
      id,
      Entry{.revocation = std::move(revocation), .due = due, .gone_at = clock_.Now() + lifetime});
  return absl::OkStatus();
}

std::vector<PendingRevocation> MemoryRevocations::Claim(absl::Time now, std::size_t limit,
                                                        absl::Duration visibility) {
  const MutexLock lock(mutex_);
  std::erase_if(entries_, [&](const auto& item) { return item.second.gone_at <= clock_.Now(); });
  std::vector<PendingRevocation> claimed;
  for (auto& [id, entry] : entries_) {
    if (claimed.size() >= limit) break;
    if (entry.due > now) continue;
    entry.due = now + visibility;
    claimed.push_back(entry.revocation.Copy());
  }
  return claimed;
}

grants::RevocationSummary MemoryRevocations::Summarize() {
  const MutexLock lock(mutex_);
  grants::RevocationSummary summary{.pending = entries_.size()};
  for (const auto& [id, entry] : entries_) {
    summary.oldest =
        std::min(summary.oldest.value_or(absl::InfiniteFuture()), entry.revocation.queued_at);
  }
  return summary;
}

void MemoryRevocations::Drop(const std::string& id) {
  const MutexLock lock(mutex_);
  entries_.erase(id);
}

}  // namespace tokenbroker::storage
