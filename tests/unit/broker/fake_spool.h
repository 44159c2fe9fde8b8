// A spool in memory, for seeing what is put there.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "broker/held_answers.h"
#include "grants/answer_spool.h"

namespace tokenbroker::broker {

// Thread-safe.
class FakeSpool final : public grants::AnswerSpool {
 public:
  absl::Status Put(const std::string& name, const grants::GrantCommit& commit,
                   const grants::FinishedSignIn* sign_in) override {
    grants::SpooledAnswer answer{.name = name, .commit = WithoutLease(commit)};
    if (sign_in != nullptr) answer.sign_in = sign_in->Copy();
    const MutexLock lock(mutex_);
    ++puts_;
    kept_.insert_or_assign(name, std::move(answer));
    return absl::OkStatus();
  }
  void Drop(const std::string& name) override {
    const MutexLock lock(mutex_);
    kept_.erase(name);
  }
  void SetAside(const std::string& name, const absl::Status&) override {
    const MutexLock lock(mutex_);
    kept_.erase(name);
    ++aside_;
  }
  std::vector<grants::SpooledAnswer> Load() override {
    const MutexLock lock(mutex_);
    std::vector<grants::SpooledAnswer> all;
    for (const auto& [name, answer] : kept_) {
      all.push_back({.name = name, .commit = WithoutLease(answer.commit)});
      if (answer.sign_in) all.back().sign_in = answer.sign_in->Copy();
    }
    return all;
  }

  int puts() const {
    const MutexLock lock(mutex_);
    return puts_;
  }
  int aside() const {
    const MutexLock lock(mutex_);
    return aside_;
  }
  bool empty() const {
    const MutexLock lock(mutex_);
    return kept_.empty();
  }

 private:
  mutable Mutex mutex_;
  std::map<std::string, grants::SpooledAnswer> kept_ ABSL_GUARDED_BY(mutex_);
  int puts_ ABSL_GUARDED_BY(mutex_) = 0;
  int aside_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace tokenbroker::broker
