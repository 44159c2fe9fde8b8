// One line for each request: the audit record of every decision that releases or refuses a token.
//
// Answering from the cache takes microseconds, so a line must not cost a lock that all threads
// share, or a system call. Each thread appends to a buffer of its own; a thread of the log's writes
// the buffers out a few times a second. What a buffer holds is lost if the process crashes, not if
// it ends.
//
//   log.Write({.rpc = "GetAccessToken", .caller = "shop", .grant_id = id, .outcome = "OK", ...});
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "base/trace.h"
#include "telemetry/line_sink.h"
#include "telemetry/log_line.h"

namespace tokenbroker::telemetry {

// What is told of one request. Empty texts are left out of the line.
struct RequestRecord {
  std::string_view rpc;       // `GetAccessToken`, `Admin/ListGrants`
  std::string_view caller;    // configured name; empty where nobody was recognised
  std::string_view client;    // as asked for or found; left out if it cannot be a name
  std::string_view grant_id;  // as asked for or found; left out if it cannot be one
  std::string_view outcome;   // `OK` or the reason
  std::string_view code;      // gRPC status code
  absl::Time finished_at;
  absl::Duration duration;
  const Trace* trace = nullptr;  // null where the caller named none
};

// Thread-safe. Borrows the sink.
class RequestLog {
 public:
  struct Options {
    Format format = Format::kJson;
    // Requests that went well are `info`, refused ones `info` too, failures of ours `warn`.
    Level threshold = Level::kInfo;
    absl::Duration flush_interval = absl::Milliseconds(200);
  };

  RequestLog(LineSink& sink, Options options);
  // Writes out what is left.
  ~RequestLog();
  RequestLog(const RequestLog&) = delete;
  RequestLog& operator=(const RequestLog&) = delete;

  // Cheap; blocks only where the sink cannot keep up with what is logged.
  void Write(const RequestRecord& record);

  // Returns when everything written before is with the sink.
  void Flush();

 private:
  // More than there are threads that write much; two threads on one buffer are slow, not wrong.
  static constexpr std::size_t kBuffers = 64;

  struct alignas(64) Buffer {
    Mutex mutex;
    std::string lines ABSL_GUARDED_BY(mutex);
  };

  void FlushPeriodically();

  // Constant after construction.
  LineSink& sink_;
  const Options options_;

  std::array<Buffer, kBuffers> buffers_;

  std::mutex stop_mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;  // guarded by stop_mutex_

  std::thread flusher_;  // last: it uses all the others
};

}  // namespace tokenbroker::telemetry
