// The spool of answers on local disk.
//
//   <name>.answer        one answer: a sealed AnswerRecord (grants/record.proto), bound to its name
//   <name>.answer.new    one that was being written when the machine stopped
//   <name>.set-aside     one that nobody could use; looked at again at every start
//   lock                 held by the process whose folder it is
//
// Names are random: they say nothing. What is inside opens with the key ring alone.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "grants/answer_spool.h"
#include "grants/seal.h"
#include "telemetry/log.h"

namespace tokenbroker::storage {

// How much there is.
struct SpoolDepth {
  std::size_t waiting = 0;    // answers that the store is still to take
  std::size_t set_aside = 0;  // answers that nobody could use
  // When the oldest of those that wait was written; InfiniteFuture where none does.
  absl::Time oldest = absl::InfiniteFuture();
};

// Thread-safe, as the file system is: no two answers share a name.
class DiskSpool final : public grants::AnswerSpool {
 public:
  // Takes the folder for this process alone until it ends; makes it where it is missing, for this
  // user alone. Borrows `ring` and `log`.
  // Errors: INTERNAL with a message for people, also where another process has the folder.
  static absl::StatusOr<std::unique_ptr<DiskSpool>> Open(std::string folder,
                                                         const grants::KeyRing& ring,
                                                         const telemetry::Log& log);
  // The same in a folder that several processes share: takes the first of its folders `0`, `1`, …
  // that no process has, and moves there what lies in the others of that kind and in `folder`
  // itself.
  static absl::StatusOr<std::unique_ptr<DiskSpool>> OpenShared(std::string folder,
                                                               const grants::KeyRing& ring,
                                                               const telemetry::Log& log);
  ~DiskSpool() override;

  absl::Status Put(const std::string& name, const grants::GrantCommit& commit,
                   const grants::FinishedSignIn* sign_in) override;
  void Drop(const std::string& name) override;
  void SetAside(const std::string& name, const absl::Status& why) override;
  std::vector<grants::SpooledAnswer> Load() override;

  // As far as this process has seen: no look at the disk.
  SpoolDepth depth() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void TakeFilesOf(const std::string& other);

  DiskSpool(std::string folder, int lock, const grants::KeyRing& ring, const telemetry::Log& log)
      : folder_(std::move(folder)), lock_(lock), ring_(ring), log_(log) {}

  std::string PathOf(const std::string& name, const char* suffix) const;
  absl::StatusOr<grants::SpooledAnswer> Read(const std::string& path,
                                             const std::string& name) const;
  // Notes that an answer waits, for longer where it did already, or no longer does.
  void NoteWaiting(const std::string& name, absl::Time since) ABSL_LOCKS_EXCLUDED(mutex_);
  void NoteGone(const std::string& name) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string folder_;
  const int lock_;  // a descriptor, closed at the end
  const grants::KeyRing& ring_;
  const telemetry::Log& log_;

  mutable Mutex mutex_;
  std::map<std::string, absl::Time> waiting_ ABSL_GUARDED_BY(mutex_);  // since when, by name
  std::size_t set_aside_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace tokenbroker::storage
