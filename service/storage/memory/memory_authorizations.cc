#include "storage/memory/memory_authorizations.h"

#include "base/error.h"
#include "base/random.h"
#include "grants/seal.h"

namespace tokenbroker::storage {

using grants::CallbackOutcome;
using grants::ClaimedAuthorization;
using grants::PendingAuthorization;

MemoryAuthorizations::MemoryAuthorizations(const Clock& clock, std::size_t limit)
    : clock_(clock), limit_(limit), hash_(Secret::Take(RandomBytes(grants::kSealingKeySize))) {}

absl::Status MemoryAuthorizations::Put(const Secret& state, PendingAuthorization pending) {
  const std::string name = NameOf(state);
  const MutexLock lock(mutex_);
  Sweep();
  if (entries_.contains(name)) return absl::OkStatus();
  if (entries_.size() >= limit_) {
    return Error(Reason::kLimitReached, {{"limit", "pending_authorizations"}});
  }
  by_expiry_.emplace(pending.expires_at, name);
  ++open_by_caller_[pending.caller];
  entries_.emplace(name, Entry{.pending = std::move(pending), .claimed_by = {}, .outcome = {}});
  return absl::OkStatus();
}

absl::StatusOr<PendingAuthorization> MemoryAuthorizations::Find(const Secret& state) const {
  const std::string name = NameOf(state);
  const MutexLock lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end() || found->second.pending.expires_at <= clock_.Now()) {
    return Error(Reason::kStateUnknown);
  }
  return found->second.pending.Copy();
}

absl::StatusOr<ClaimedAuthorization> MemoryAuthorizations::Claim(
    const Secret& state, const std::string& callback_digest) {
  const std::string name = NameOf(state);
  const MutexLock lock(mutex_);
  Entry* const entry = FindLive(name);
  if (entry == nullptr) return Error(Reason::kStateUnknown);
  ClaimedAuthorization claim;
  if (!entry->claimed_by) {
    entry->claimed_by = callback_digest;
    claim.phase = ClaimedAuthorization::Phase::kClaimed;
    return claim;
  }
  if (*entry->claimed_by != callback_digest) return Error(Reason::kStateUnknown);
  if (!entry->outcome) {
    claim.phase = ClaimedAuthorization::Phase::kInProgress;
    return claim;
  }
  claim.phase = ClaimedAuthorization::Phase::kAnswered;
  claim.outcome = entry->outcome->Copy();
  return claim;
}

absl::Status MemoryAuthorizations::Finish(const Secret& state, CallbackOutcome outcome) {
  const std::string name = NameOf(state);
  const MutexLock lock(mutex_);
  Entry* const entry = FindLive(name);
  if (entry == nullptr || !entry->claimed_by) return Error(Reason::kStateUnknown);
  if (entry->outcome) return absl::OkStatus();
  CountOneLess(*entry);
  entry->outcome = std::move(outcome);
  return absl::OkStatus();
}

absl::Status MemoryAuthorizations::Spend(const Secret& state) {
  const std::string name = NameOf(state);
  const MutexLock lock(mutex_);
  Erase(name);
  return absl::OkStatus();
}

std::size_t MemoryAuthorizations::Count(const std::string& caller) {
  const MutexLock lock(mutex_);
  Sweep();
  const auto found = open_by_caller_.find(caller);
  return found == open_by_caller_.end() ? 0 : found->second;
}

MemoryAuthorizations::Entry* MemoryAuthorizations::FindLive(const std::string& name) {
  Sweep();
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second;
}

void MemoryAuthorizations::Erase(const std::string& name) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return;
  by_expiry_.erase({found->second.pending.expires_at, name});
  if (!found->second.outcome) CountOneLess(found->second);
  entries_.erase(found);
}

void MemoryAuthorizations::CountOneLess(const Entry& entry) {
  const auto open = open_by_caller_.find(entry.pending.caller);
  if (--open->second == 0) open_by_caller_.erase(open);
}

void MemoryAuthorizations::Sweep() {
  const absl::Time now = clock_.Now();
  while (!by_expiry_.empty() && by_expiry_.begin()->first <= now) {
    const std::string name = by_expiry_.begin()->second;
    Erase(name);
  }
}

}  // namespace tokenbroker::storage
