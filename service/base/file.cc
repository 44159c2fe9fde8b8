#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/secret.h"

namespace tokenbroker {
namespace {

absl::Status ErrnoStatus(int error) {
  const std::string text = "cannot be read: " + std::generic_category().message(error);
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(text);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(text);
  return absl::InvalidArgumentError(text);
}

// Makes `text` larger and leaves no copy of a secret behind.
void Grow(std::string& text, std::size_t size) {
  std::string larger(size, '\0');
  text.copy(larger.data(), text.size());
  WipeString(text);
  text = std::move(larger);
}

absl::StatusOr<std::string> ReadAll(int descriptor, std::size_t expected, std::size_t max_bytes) {
  // One byte more shows that the file ends there, or is too large. It may have grown since it said
  // its size, or never have said one (procfs).
  std::string text(std::min(expected, max_bytes) + 1, '\0');
  std::size_t size = 0;
  while (size <= max_bytes) {
    if (size == text.size()) Grow(text, std::min(2 * size, max_bytes + 1));
    const ssize_t count = read(descriptor, text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int error = errno;
      WipeString(text);
      return ErrnoStatus(error);
    }
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  if (size > max_bytes) {
    WipeString(text);
    return absl::InvalidArgumentError("is larger than " + std::to_string(max_bytes / 1024) +
                                      " KiB");
  }
  text.resize(size);
  return text;
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t max_bytes) {
  // Not blocking: a FIFO by mistake must not hold up the start.
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return ErrnoStatus(errno);
  struct stat status{};
  absl::StatusOr<std::string> result = absl::InvalidArgumentError("is not a file");
  if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode)) {
    result = ReadAll(descriptor, static_cast<std::size_t>(status.st_size), max_bytes);
  }
  close(descriptor);
  return result;
}

}  // namespace tokenbroker
