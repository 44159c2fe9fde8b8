// A mutex that every checker sees: Clang's -Wthread-safety through Abseil's annotations, and TSan,
// to which the locks of an Abseil that was built without it (Debian's is) are invisible.
//
//   void Add(int n) ABSL_LOCKS_EXCLUDED(mutex_) {
//     MutexLock lock(mutex_);
//     sum_ += n;
//   }
//   Mutex mutex_;
//   int sum_ ABSL_GUARDED_BY(mutex_) = 0;
#pragma once

#include <mutex>

#include "absl/base/thread_annotations.h"

namespace tokenbroker {

class ABSL_LOCKABLE Mutex {
 public:
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

// Holds the mutex for as long as it lives; never across a co_await.
class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_.Lock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }

 private:
  Mutex& mutex_;
};

}  // namespace tokenbroker
