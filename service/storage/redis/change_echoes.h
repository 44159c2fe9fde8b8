// How long Redis takes to tell of a change: this replica is told of its own as every other is.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace tokenbroker::storage {

// Thread-safe. Borrows the clock.
class ChangeEchoes {
 public:
  using Tell = std::function<void(absl::Duration)>;

  // `tell` gets the time from each change to the news of it; empty: nothing is measured. It is
  // called on one of the runtime's threads, which it must not block.
  ChangeEchoes(const Clock& clock, Tell tell) : clock_(clock), tell_(std::move(tell)) {}

  // A change of the grant is about to be sent.
  void Sent(const std::string& grant_id) ABSL_LOCKS_EXCLUDED(mutex_);
  // It was not made, or it is not known whether it was: the next news may be of another.
  void Failed(const std::string& grant_id) ABSL_LOCKS_EXCLUDED(mutex_);
  // Redis has told of a change of the grant, by whoever.
  void Heard(const std::string& grant_id) ABSL_LOCKS_EXCLUDED(mutex_);
  // Redis tells nothing right now.
  void Forget() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Of more than these at a time the rest is not measured.
  static constexpr std::size_t kMost = 1024;

  const Clock& clock_;
  const Tell tell_;
  Mutex mutex_;
  absl::flat_hash_map<std::string, absl::Time> sent_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker::storage
