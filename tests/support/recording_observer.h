// Writes down what a store tells its observer.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>

#include "grants/grant_store.h"

namespace tokenbroker::testing {

// Thread-safe.
class RecordingObserver final : public grants::GrantObserver {
 public:
  void OnGrantChanged(const std::string& grant_id) override {
    const std::lock_guard lock(mutex_);
    ++changes_[grant_id];
    changed_.notify_all();
  }
  void OnChangesLost() override {
    const std::lock_guard lock(mutex_);
    seen_ = false;
    ++losses_;
    changed_.notify_all();
  }
  void OnChangesSeenAgain() override {
    const std::lock_guard lock(mutex_);
    seen_ = true;
    changed_.notify_all();
  }

  // How often `grant_id` was said to have changed.
  int changes(const std::string& grant_id) {
    const std::lock_guard lock(mutex_);
    return changes_[grant_id];
  }

  // Wait, for as long as a machine under load may need, until changes are seen, until more than
  // `losses` losses have been told of, or until `grant_id` has changed more than `changes` times.
  bool WaitUntilSeen() {
    return WaitUntil([this] { return seen_; });
  }
  bool WaitForLossAfter(int losses) {
    return WaitUntil([=, this] { return losses_ > losses; });
  }
  bool WaitForChangeAfter(int changes, const std::string& grant_id) {
    return WaitUntil([&] { return changes_[grant_id] > changes; });
  }
  int losses() {
    const std::lock_guard lock(mutex_);
    return losses_;
  }

 private:
  template <typename Condition>
  bool WaitUntil(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), condition);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, int> changes_;
  bool seen_ = false;
  int losses_ = 0;
};

}  // namespace tokenbroker::testing
