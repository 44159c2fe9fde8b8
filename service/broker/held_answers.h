// Answers of providers that are in hand and not yet in the store: what a crash would lose.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "base/mutex.h"
#include "grants/answer_spool.h"

namespace tokenbroker::broker {

// When an answer goes to the spool.
enum class SpoolWhen {
  kStoreFails,   // the store did not take it at once, or the process ends
  kEveryAnswer,  // before the store is asked, so that not even a crash in between loses it
};

// Thread-safe. Outlives what it gave out.
class HeldAnswers {
 public:
  // Borrows `spool`, which may be null: then nothing outlives the process.
  HeldAnswers(grants::AnswerSpool* spool, SpoolWhen when) : spool_(spool), when_(when) {}

  // One answer. Destroying it leaves what is on disk there, for the next start.
  class Held {
   public:
    ~Held();
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

    // More has been learnt: this is what is to be stored.
    void Replace(const grants::GrantCommit& commit) ABSL_LOCKS_EXCLUDED(mutex_);
    // Sees to it that the disk has it, where there is a spool. Blocks for a disk write.
    void Spool() ABSL_LOCKS_EXCLUDED(mutex_);
    // The store has it, or nobody needs it any more.
    void Settle() ABSL_LOCKS_EXCLUDED(mutex_);

   private:
    friend class HeldAnswers;
    Held(HeldAnswers& all, grants::GrantCommit commit,
         std::optional<grants::FinishedSignIn> sign_in);

    HeldAnswers& all_;
    const std::string name_;
    const std::optional<grants::FinishedSignIn> sign_in_;
    Mutex mutex_;
    grants::GrantCommit commit_ ABSL_GUARDED_BY(mutex_);
    bool is_current_on_disk_ ABSL_GUARDED_BY(mutex_) = false;
    bool is_on_disk_ ABSL_GUARDED_BY(mutex_) = false;
    bool is_settled_ ABSL_GUARDED_BY(mutex_) = false;
  };

  // Holds `commit` without its lease, which is of no use later. Blocks for a disk write with
  // kEveryAnswer.
  // `sign_in` is what a new grant (expected generation 0) comes from.
  std::shared_ptr<Held> Hold(grants::GrantCommit commit,
                             std::optional<grants::FinishedSignIn> sign_in = std::nullopt)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // For the end of the process: what is held from here on goes to the disk at once.
  void SpoolAll() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  grants::AnswerSpool* const spool_;
  const SpoolWhen when_;
  Mutex mutex_;
  absl::flat_hash_set<Held*> held_ ABSL_GUARDED_BY(mutex_);
  bool is_closing_ ABSL_GUARDED_BY(mutex_) = false;
};

// A copy without its lease, which is of no use later.
grants::GrantCommit WithoutLease(const grants::GrantCommit& commit);

}  // namespace tokenbroker::broker
