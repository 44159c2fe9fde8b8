#include "storage/disk/disk_spool.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "grants/record.h"
#include "storage/disk/durable_file.h"

namespace tokenbroker::storage {
namespace {

namespace fs = std::filesystem;

constexpr char kAnswer[] = ".answer";
constexpr char kDraft[] = ".answer.new";
constexpr char kSetAside[] = ".set-aside";

grants::SealedName SealedNameOf(const std::string& name) {
  return {.name = absl::StrCat("spool/", name), .generation = 0};
}

// When a file was last written; now where that cannot be had.
absl::Time WrittenAt(const std::string& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) return absl::Now();
  return absl::TimeFromTimespec(status.st_mtim);
}

// The one word for the log: a message could quote what it should not.
std::string CheckOf(const absl::Status& status) {
  const ErrorMetadata metadata = MetadataOf(status);
  const auto check = metadata.find("check");
  if (check != metadata.end()) return check->second;
  const auto reason = ReasonOf(status);
  return reason ? std::string(Describe(*reason).name) : "unknown";
}

// Makes the folder where it is missing and locks it. The descriptor holds the lock; nothing where
// another process does.
absl::StatusOr<std::optional<int>> Lock(const std::string& folder) {
  std::error_code error;
  if (fs::create_directories(folder, error)) {
    fs::permissions(folder, fs::perms::owner_all, error);
  }
  const std::string path = absl::StrCat(folder, "/lock");
  const int lock = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (lock < 0) return SystemError("use refresh.spool.directory:", path);
  if (flock(lock, LOCK_EX | LOCK_NB) == 0) return lock;
  const bool is_taken = errno == EWOULDBLOCK;
  const absl::Status failure = SystemError("lock", path);
  close(lock);
  if (!is_taken) return failure;
  return std::nullopt;
}

std::string NumberedFolder(const std::string& folder, int number) {
  return absl::StrCat(folder, "/", number);
}

}  // namespace

absl::StatusOr<std::unique_ptr<DiskSpool>> DiskSpool::Open(std::string folder,
                                                           const grants::KeyRing& ring,
                                                           const telemetry::Log& log) {
  ASSIGN_OR_RETURN(const std::optional<int> lock, Lock(folder));
  if (!lock) {
    return ErrorWithMessage(
        Reason::kInternal,
        absl::StrCat("refresh.spool.directory: ", folder,
                     " is in use by another process; every replica needs a folder of its own, or "
                     "refresh.spool.shared"));
  }
  return std::unique_ptr<DiskSpool>(new DiskSpool(std::move(folder), *lock, ring, log));
}

absl::StatusOr<std::unique_ptr<DiskSpool>> DiskSpool::OpenShared(std::string folder,
                                                                 const grants::KeyRing& ring,
                                                                 const telemetry::Log& log) {
  std::unique_ptr<DiskSpool> spool;
  int number = 0;
  for (; !spool; ++number) {
    const std::string own = NumberedFolder(folder, number);
    ASSIGN_OR_RETURN(const std::optional<int> lock, Lock(own));
    if (lock) spool.reset(new DiskSpool(own, *lock, ring, log));
  }
  // Folders before this one were taken when it was looked for, and later ones are there up to the
  // first number that nobody has needed yet. Both may have lost their processes.
  for (int other = 0; other < number || fs::exists(NumberedFolder(folder, other)); ++other) {
    if (other != number - 1) spool->TakeFilesOf(NumberedFolder(folder, other));
  }
  spool->TakeFilesOf(folder);  // from before it was shared
  return spool;
}

void DiskSpool::TakeFilesOf(const std::string& other) {
  const auto lock = Lock(other);
  if (!lock.ok() || !*lock) return;  // a process has it
  std::error_code error;
  std::size_t taken = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(other, error)) {
    const fs::path name = entry.path().filename();
    std::error_code failure;
    if (name == "lock" || !entry.is_regular_file(failure)) continue;
    fs::rename(entry.path(), fs::path(folder_) / name, failure);
    if (!failure) ++taken;
  }
  if (taken > 0) {
    (void)SyncFolder(folder_);
    log_.Write(telemetry::Level::kWarning, "took over spooled answers",
               {{"from", other}, {"files", absl::StrCat(taken)}});
  }
  close(**lock);
}

DiskSpool::~DiskSpool() { close(lock_); }

absl::Status DiskSpool::Put(const std::string& name, const grants::GrantCommit& commit,
                            const grants::FinishedSignIn* sign_in) {
  const std::string sealed =
      ring_.Seal(grants::SerializeAnswer(commit, sign_in), SealedNameOf(name));
  absl::Status written = WriteDurably(PathOf(name, kAnswer), sealed);
  if (written.ok()) {
    NoteWaiting(name, absl::Now());
    log_.Write(telemetry::Level::kWarning, "answer spooled",
               {{"grant_id", commit.grant.id}, {"file", name}});
  } else {
    const std::string because(written.message());
    log_.Write(telemetry::Level::kError, "answer not spooled",
               {{"grant_id", commit.grant.id}, {"because", because}});
  }
  return written;
}

void DiskSpool::Drop(const std::string& name) {
  NoteGone(name);
  const std::string path = PathOf(name, kAnswer);
  if (std::remove(path.c_str()) == 0 || errno == ENOENT) return;
  const std::string because(SystemError("remove", path).message());
  log_.Write(telemetry::Level::kWarning, "spooled answer not removed", {{"because", because}});
}

void DiskSpool::SetAside(const std::string& name, const absl::Status& why) {
  const std::string aside = PathOf(name, kSetAside);
  for (const char* suffix : {kAnswer, kDraft}) {
    const std::string path = PathOf(name, suffix);
    if (std::rename(path.c_str(), aside.c_str()) == 0) break;
  }
  (void)SyncFolder(folder_);
  NoteGone(name);
  {
    const MutexLock lock(mutex_);
    ++set_aside_;
  }
  const std::string check = CheckOf(why);
  log_.Write(telemetry::Level::kError, "spooled answer set aside",
             {{"file", aside}, {"check", check}});
}

std::vector<grants::SpooledAnswer> DiskSpool::Load() {
  // By name: a whole file counts before a draft of the same name, which is an older or unfinished
  // try.
  std::map<std::string, std::string> paths;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_, error)) {
    const std::string file = entry.path().filename().string();
    for (const char* suffix : {kAnswer, kSetAside, kDraft}) {
      if (!file.ends_with(suffix)) continue;
      const std::string name = file.substr(0, file.size() - std::string(suffix).size());
      const bool is_whole = suffix == kAnswer;
      if (is_whole || !paths.contains(name)) paths[name] = entry.path().string();
    }
  }
  std::vector<grants::SpooledAnswer> answers;
  for (const auto& [name, path] : paths) {
    auto answer = Read(path, name);
    if (!answer.ok()) {
      SetAside(name, answer.status());
      continue;
    }
    answer->name = name;
    NoteWaiting(name, WrittenAt(path));
    const std::string whole = PathOf(name, kAnswer);
    if (path != whole) (void)std::rename(path.c_str(), whole.c_str());
    answers.push_back(*std::move(answer));
  }
  return answers;
}

SpoolDepth DiskSpool::depth() const {
  const MutexLock lock(mutex_);
  SpoolDepth depth{.waiting = waiting_.size(), .set_aside = set_aside_};
  for (const auto& [name, since] : waiting_) depth.oldest = std::min(depth.oldest, since);
  return depth;
}

void DiskSpool::NoteWaiting(const std::string& name, absl::Time since) {
  const MutexLock lock(mutex_);
  waiting_.try_emplace(name, since);
}

void DiskSpool::NoteGone(const std::string& name) {
  const MutexLock lock(mutex_);
  waiting_.erase(name);
}

std::string DiskSpool::PathOf(const std::string& name, const char* suffix) const {
  return absl::StrCat(folder_, "/", name, suffix);
}

absl::StatusOr<grants::SpooledAnswer> DiskSpool::Read(const std::string& path,
                                                      const std::string& name) const {
  ASSIGN_OR_RETURN(const std::string sealed, ReadWhole(path));
  ASSIGN_OR_RETURN(const Secret bytes, ring_.Open(sealed, SealedNameOf(name)));
  return grants::ParseAnswer(bytes.Reveal());
}

}  // namespace tokenbroker::storage
