// The leases of refreshes that have no answer yet: what the end of the process hands back.
#pragma once

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "base/mutex.h"
#include "grants/grant_store.h"

namespace tokenbroker::broker {

// Thread-safe. Outlives what it gave out.
class HeldLeases {
 public:
  // One lease, until this goes.
  class Held {
   public:
    ~Held();
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

    // Whether it is given away: nothing may be sent under it any more.
    bool is_handed_back() const { return is_handed_back_.load(); }

   private:
    friend class HeldLeases;
    Held(HeldLeases& all, grants::Lease lease) : all_(all), lease_(std::move(lease)) {}

    HeldLeases& all_;
    const grants::Lease lease_;
    std::atomic<bool> is_handed_back_ = false;
  };

  std::unique_ptr<Held> Hold(grants::Lease lease) ABSL_LOCKS_EXCLUDED(mutex_);

  // Those that are held, for whoever gives them back to the store. From now on they, and those that
  // are taken later, are handed back.
  std::vector<grants::Lease> TakeAll() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable Mutex mutex_;
  absl::flat_hash_set<Held*> held_ ABSL_GUARDED_BY(mutex_);
  bool is_closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace tokenbroker::broker
