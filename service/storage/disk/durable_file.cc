#include "storage/disk/durable_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/error.h"

namespace tokenbroker::storage {
namespace {

class File {
 public:
  File(const std::string& path, int flags)
      : descriptor_(open(path.c_str(), flags | O_CLOEXEC, S_IRUSR | S_IWUSR)) {}
  ~File() {
    if (is_open()) close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }

 private:
  const int descriptor_;
};

bool WriteAll(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

absl::Status SystemError(std::string_view what, const std::string& path) {
  char words[256] = {};
  // The GNU version, which may leave the buffer alone.
  const char* const text = strerror_r(errno, words, sizeof words);
  return ErrorWithMessage(Reason::kInternal,
                          absl::StrCat("cannot ", std::string(what), " ", path, ": ", text));
}

absl::Status WriteDurably(const std::string& path, std::string_view bytes) {
  const std::string draft = path + ".new";
  {
    const File file(draft, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file.is_open()) return SystemError("create", draft);
    if (!WriteAll(file.descriptor(), bytes)) return SystemError("write", draft);
    if (fsync(file.descriptor()) != 0) return SystemError("write", draft);
  }
  if (std::rename(draft.c_str(), path.c_str()) != 0) return SystemError("rename", draft);
  return SyncFolder(FolderOf(path));
}

absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  const File file(path, O_RDONLY);
  if (!file.is_open()) return SystemError("open", path);
  std::string bytes;
  char block[65536];
  while (true) {
    const ssize_t count = read(file.descriptor(), block, sizeof block);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("read", path);
    if (count == 0) return bytes;
    bytes.append(block, static_cast<std::size_t>(count));
  }
}

absl::Status SyncFolder(const std::string& folder) {
  const File file(folder, O_RDONLY | O_DIRECTORY);
  if (!file.is_open()) return SystemError("open", folder);
  if (fsync(file.descriptor()) != 0) return SystemError("write", folder);
  return absl::OkStatus();
}

}  // namespace tokenbroker::storage
