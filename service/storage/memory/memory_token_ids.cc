#include "storage/memory/memory_token_ids.h"

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "base/sha256.h"

namespace tokenbroker::storage {
namespace {

// Different ids have different names, and all names are short.
std::string NameOf(const grants::TokenId& id) {
  return Sha256(absl::StrCat(id.issuer.size(), ":", id.issuer, id.audience.size(), ":", id.audience,
                             id.token_id));
}

}  // namespace

bool MemoryTokenIds::Remembers(const grants::TokenId& id) {
  const std::string name = NameOf(id);
  const MutexLock lock(mutex_);
  Sweep();
  return ends_.contains(name);
}

absl::Status MemoryTokenIds::Remember(const grants::TokenId& id, absl::Duration lifetime) {
  const std::string name = NameOf(id);
  const MutexLock lock(mutex_);
  Sweep();
  const absl::Time ends_at = clock_.Now() + lifetime;
  const auto found = ends_.find(name);
  if (found != ends_.end()) {
    if (found->second >= ends_at) return absl::OkStatus();
    by_end_.erase({found->second, name});
  } else if (ends_.size() >= limit_) {
    return Error(Reason::kLimitReached, {{"limit", "token_ids"}});
  }
  ends_[name] = ends_at;
  by_end_.emplace(ends_at, name);
  return absl::OkStatus();
}

void MemoryTokenIds::Sweep() {
  const absl::Time now = clock_.Now();
  while (!by_end_.empty() && by_end_.begin()->first <= now) {
    ends_.erase(by_end_.begin()->second);
    by_end_.erase(by_end_.begin());
  }
}

}  // namespace tokenbroker::storage
