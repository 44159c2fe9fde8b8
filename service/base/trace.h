// Where work stands in a trace (W3C Trace Context), and what is told of it when it is done.
//
// The trace of an RPC goes with all that is done for it: net/traced_executor.h makes it that of the
// thread for as long as one of its coroutines runs there.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/time/time.h"

namespace tokenbroker {

// In lower-case hexadecimal, never all zeros.
using TraceId = std::array<char, 32>;
using SpanId = std::array<char, 16>;

struct TraceContext {
  TraceId trace_id = {};
  SpanId span_id = {};
  bool sampled = false;  // whether whoever calls records this trace

  std::string_view trace_id_text() const { return {trace_id.data(), trace_id.size()}; }
  std::string_view span_id_text() const { return {span_id.data(), span_id.size()}; }
};

// The value of a `traceparent` header (W3C Trace Context section 3.2): version 00 to the letter, of
// a later version what it must have in common. Nothing where it is anything else: it is ignored
// then, as the specification says. Pure.
std::optional<TraceContext> ParseTraceparent(std::string_view value);

SpanId NewSpanId();

enum class SpanKind { kServer, kClient };

// A piece of work that is done. Borrows its texts. Nothing in it is secret, or a person's.
struct FinishedSpan {
  TraceContext parent;  // the trace, and the span that this one is part of
  SpanId span_id = {};
  SpanKind kind = SpanKind::kClient;
  std::string_view name;  // of few: no ids
  absl::Time began;
  absl::Time ended;
  bool failed = false;
  using Attribute = std::pair<std::string_view, std::variant<std::string_view, std::int64_t>>;
  std::span<const Attribute> attributes = {};
};

// Where finished spans go. Thread-safe.
class SpanSink {
 public:
  virtual ~SpanSink() = default;
  // Returns at once; a span that cannot be kept is dropped.
  virtual void Record(const FinishedSpan& span) = 0;
};

// What work belongs to. Immutable, shared by all that is done for one RPC.
struct Trace {
  TraceContext context;      // as it is logged, and the parent of spans
  SpanSink* sink = nullptr;  // null: spans are not recorded. Outlives the trace.
};
using TracePtr = std::shared_ptr<const Trace>;

// That of the coroutine which runs on this thread right now; null where it has none.
const TracePtr& CurrentTrace();

// Makes `trace`, which may be null, that of this thread until it goes.
class TraceScope {
 public:
  explicit TraceScope(TracePtr trace);
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;
  ~TraceScope();

 private:
  TracePtr before_;
};

// Records a span that began at `began` and ends at `now`, as part of `trace` where that is
// recorded.
void RecordSpan(const TracePtr& trace, std::string_view name, absl::Time began, absl::Time now,
                bool failed, std::span<const FinishedSpan::Attribute> attributes);

}  // namespace tokenbroker
