// A mutex for what is read far more often than it is changed.
#pragma once

#include "absl/base/thread_annotations.h"

#ifdef __SANITIZE_THREAD__
#include <shared_mutex>
#else
#include "absl/synchronization/mutex.h"
#endif

namespace tokenbroker {

// Abseil's, whose readers cost least; where ThreadSanitizer looks on, which does not see the locks
// of an Abseil that was built without it (Debian's is), the standard library's.
class ABSL_LOCKABLE SharedMutex {
 public:
#ifdef __SANITIZE_THREAD__
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }
  void ReaderLock() ABSL_SHARED_LOCK_FUNCTION() { mutex_.lock_shared(); }
  void ReaderUnlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock_shared(); }

 private:
  std::shared_mutex mutex_;
#else
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.Lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }
  void ReaderLock() ABSL_SHARED_LOCK_FUNCTION() { mutex_.ReaderLock(); }
  void ReaderUnlock() ABSL_UNLOCK_FUNCTION() { mutex_.ReaderUnlock(); }

 private:
  absl::Mutex mutex_;
#endif
};

// Holds the mutex alone for as long as it lives; never across a co_await.
class ABSL_SCOPED_LOCKABLE WriterLock {
 public:
  explicit WriterLock(SharedMutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_.Lock();
  }
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;
  ~WriterLock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }

 private:
  SharedMutex& mutex_;
};

// Holds the mutex with other readers for as long as it lives; never across a co_await.
class ABSL_SCOPED_LOCKABLE ReaderLock {
 public:
  explicit ReaderLock(SharedMutex& mutex) ABSL_SHARED_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_.ReaderLock();
  }
  ReaderLock(const ReaderLock&) = delete;
  ReaderLock& operator=(const ReaderLock&) = delete;
  ~ReaderLock() ABSL_UNLOCK_FUNCTION() { mutex_.ReaderUnlock(); }

 private:
  SharedMutex& mutex_;
};

}  // namespace tokenbroker
