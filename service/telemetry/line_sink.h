// Where log lines go.
#pragma once

#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"

namespace tokenbroker::telemetry {

// Thread-safe.
class LineSink {
 public:
  virtual ~LineSink() = default;
  // `lines` are whole lines, each with its newline. May block as long as the reader does.
  virtual void Write(std::string_view lines) = 0;
};

// Writes to a file descriptor, standard error for instance. What cannot be written is lost.
class DescriptorSink final : public LineSink {
 public:
  // Borrows `descriptor`.
  explicit DescriptorSink(int descriptor) : descriptor_(descriptor) {}
  void Write(std::string_view lines) override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const int descriptor_;
  Mutex mutex_;  // so that lines of two writers do not mix, however long
};

}  // namespace tokenbroker::telemetry
