#include "telemetry/request_log.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "base/thread_index.h"

namespace tokenbroker::telemetry {
namespace {

// A thread that has this much writes it out itself: the log is never dropped, so a reader that is
// too slow slows the broker down.
constexpr std::size_t kBufferBytes = 256 * 1024;

bool IsWordCharacter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
         c == '_';
}

// Callers write what they like into a request; only what could be a grant id or a configured name
// is repeated, and never at length.
bool LooksLikeId(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, IsWordCharacter);
}
bool LooksLikeName(std::string_view text) {
  return !text.empty() && text.size() <= 128 &&
         std::ranges::all_of(text, [](char c) { return IsWordCharacter(c) || c == '.'; });
}

// Failures that somebody should look into, as opposed to a request rightly refused.
Level LevelOf(std::string_view code) {
  const bool ours = code == "INTERNAL" || code == "UNKNOWN" || code == "DATA_LOSS";
  return ours ? Level::kWarning : Level::kInfo;
}

}  // namespace

RequestLog::RequestLog(LineSink& sink, Options options)
    : sink_(sink), options_(options), flusher_(&RequestLog::FlushPeriodically, this) {}

RequestLog::~RequestLog() {
  {
    const std::lock_guard lock(stop_mutex_);
    stopping_ = true;
  }
  stop_.notify_one();
  flusher_.join();
  Flush();
}

void RequestLog::Write(const RequestRecord& record) {
  const Level level = LevelOf(record.code);
  if (level < options_.threshold) return;

  std::array<Field, 9> fields;
  std::size_t count = 0;
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) fields[count++] = Field{name, value};
  };
  add("rpc", record.rpc);
  add("caller", record.caller);
  if (LooksLikeName(record.client)) add("client", record.client);
  if (LooksLikeId(record.grant_id)) add("grant_id", record.grant_id);
  add("outcome", record.outcome);
  add("code", record.code);
  fields[count++] = Field{"duration_us", absl::ToInt64Microseconds(record.duration)};
  if (record.trace != nullptr) {
    fields[count++] = Field{"trace_id", record.trace->context.trace_id_text()};
    fields[count++] = Field{"span_id", record.trace->context.span_id_text()};
  }

  Buffer& buffer = buffers_[ThreadIndex() % kBuffers];
  std::string full;
  {
    const MutexLock lock(buffer.mutex);
    AppendLine(buffer.lines, options_.format, record.finished_at, level, "request",
               {fields.data(), count});
    if (buffer.lines.size() >= kBufferBytes) full.swap(buffer.lines);
  }
  if (!full.empty()) sink_.Write(full);
}

void RequestLog::Flush() {
  std::string lines;
  for (Buffer& buffer : buffers_) {
    {
      const MutexLock lock(buffer.mutex);
      if (buffer.lines.empty()) continue;
      lines.swap(buffer.lines);
    }
    sink_.Write(lines);
    lines.clear();
  }
}

void RequestLog::FlushPeriodically() {
  const auto interval = absl::ToChronoMilliseconds(options_.flush_interval);
  std::unique_lock lock(stop_mutex_);
  while (!stop_.wait_for(lock, interval, [this] { return stopping_; })) {
    lock.unlock();
    Flush();
    lock.lock();
  }
}

}  // namespace tokenbroker::telemetry
