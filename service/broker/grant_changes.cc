#include "broker/grant_changes.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "base/mutex.h"
#include "broker/token_cache.h"

namespace tokenbroker::broker {

struct GrantChanges::Listeners {
  // Each has a number, so that it can be found again.
  using OfGrant = absl::flat_hash_map<std::uint64_t, Tell>;

  std::uint64_t Add(const std::string& grant_id, Tell tell) ABSL_LOCKS_EXCLUDED(mutex) {
    const MutexLock lock(mutex);
    const std::uint64_t number = next_number++;
    by_grant[grant_id][number] = std::move(tell);
    return number;
  }

  void Remove(const std::string& grant_id, std::uint64_t number) ABSL_LOCKS_EXCLUDED(mutex) {
    Tell gone;  // goes after the lock: what it holds may do as it likes
    const MutexLock lock(mutex);
    const auto found = by_grant.find(grant_id);
    const auto mine = found->second.find(number);
    gone = std::move(mine->second);
    found->second.erase(mine);
    if (found->second.empty()) by_grant.erase(found);
  }

  void TellOf(const std::string& grant_id) ABSL_LOCKS_EXCLUDED(mutex) {
    const MutexLock lock(mutex);
    const auto found = by_grant.find(grant_id);
    if (found == by_grant.end()) return;
    for (const auto& [number, tell] : found->second) tell();
  }

  void SeeAgain() ABSL_LOCKS_EXCLUDED(mutex) {
    const MutexLock lock(mutex);
    ++interruptions;
    for (const auto& [grant_id, of_grant] : by_grant) {
      for (const auto& [number, tell] : of_grant) tell();
    }
  }

  std::uint64_t Interruptions() const ABSL_LOCKS_EXCLUDED(mutex) {
    const MutexLock lock(mutex);
    return interruptions;
  }

  mutable Mutex mutex;
  absl::flat_hash_map<std::string, OfGrant> by_grant ABSL_GUARDED_BY(mutex);
  std::uint64_t next_number ABSL_GUARDED_BY(mutex) = 0;
  std::uint64_t interruptions ABSL_GUARDED_BY(mutex) = 0;
};

struct GrantChanges::Listening::Place {
  Place(std::shared_ptr<Listeners> all, std::string listened_to, Tell tell)
      : listeners(std::move(all)),
        grant_id(std::move(listened_to)),
        number(listeners->Add(grant_id, std::move(tell))) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { listeners->Remove(grant_id, number); }

  const std::shared_ptr<Listeners> listeners;
  const std::string grant_id;
  const std::uint64_t number;
};

GrantChanges::Listening::Listening() = default;
GrantChanges::Listening::Listening(Listening&& other) noexcept = default;
GrantChanges::Listening& GrantChanges::Listening::operator=(Listening&& other) noexcept = default;
GrantChanges::Listening::~Listening() = default;

GrantChanges::GrantChanges(TokenCache& cache)
    : cache_(cache), listeners_(std::make_shared<Listeners>()) {}

GrantChanges::~GrantChanges() = default;

GrantChanges::Listening GrantChanges::Listen(const std::string& grant_id, Tell tell) {
  Listening listening;
  listening.place_ = std::make_unique<Listening::Place>(listeners_, grant_id, std::move(tell));
  return listening;
}

std::uint64_t GrantChanges::interruptions() const { return listeners_->Interruptions(); }

void GrantChanges::TellListeners(const std::string& place) { listeners_->TellOf(place); }

void GrantChanges::OnGrantChanged(const std::string& grant_id) {
  cache_.OnGrantChanged(grant_id);
  listeners_->TellOf(grant_id);
}

void GrantChanges::OnChangesLost() { cache_.OnChangesLost(); }

void GrantChanges::OnChangesSeenAgain() {
  cache_.OnChangesSeenAgain();
  listeners_->SeeAgain();
}

}  // namespace tokenbroker::broker
