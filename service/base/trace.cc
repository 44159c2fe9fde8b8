#include "base/trace.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/strings/escaping.h"
#include "base/random.h"

namespace tokenbroker {
namespace {

// 00-<trace id>-<parent id>-<flags>
constexpr std::size_t kTraceIdAt = 3;
constexpr std::size_t kSpanIdAt = 36;
constexpr std::size_t kFlagsAt = 53;
constexpr std::size_t kLength = 55;

bool IsHex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsZero(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c == '0'; });
}

int DigitOf(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

TracePtr& ThreadTrace() {
  thread_local TracePtr trace;
  return trace;
}

}  // namespace

std::optional<TraceContext> ParseTraceparent(std::string_view value) {
  if (value.size() < kLength) return std::nullopt;
  const std::string_view version = value.substr(0, 2);
  const std::string_view trace_id = value.substr(kTraceIdAt, TraceId().size());
  const std::string_view span_id = value.substr(kSpanIdAt, SpanId().size());
  const std::string_view flags = value.substr(kFlagsAt, 2);
  if (value[2] != '-' || value[kSpanIdAt - 1] != '-' || value[kFlagsAt - 1] != '-') {
    return std::nullopt;
  }
  if (!IsHex(version) || !IsHex(trace_id) || !IsHex(span_id) || !IsHex(flags)) return std::nullopt;
  if (version == "ff" || IsZero(trace_id) || IsZero(span_id)) return std::nullopt;
  // Of a later version there may be more, after another dash.
  if (value.size() > kLength && (version == "00" || value[kLength] != '-')) return std::nullopt;
  TraceContext context;
  std::ranges::copy(trace_id, context.trace_id.begin());
  std::ranges::copy(span_id, context.span_id.begin());
  context.sampled = (DigitOf(flags[1]) & 1) != 0;
  return context;
}

SpanId NewSpanId() {
  SpanId id = {};
  do {
    const std::string text = absl::BytesToHexString(RandomBytes(id.size() / 2));
    std::ranges::copy(text, id.begin());
  } while (IsZero({id.data(), id.size()}));
  return id;
}

const TracePtr& CurrentTrace() { return ThreadTrace(); }

TraceScope::TraceScope(TracePtr trace) : before_(std::exchange(ThreadTrace(), std::move(trace))) {}

TraceScope::~TraceScope() { ThreadTrace() = std::move(before_); }

void RecordSpan(const TracePtr& trace, std::string_view name, absl::Time began, absl::Time now,
                bool failed, std::span<const FinishedSpan::Attribute> attributes) {
  if (trace == nullptr || trace->sink == nullptr) return;
  trace->sink->Record({.parent = trace->context,
                       .span_id = NewSpanId(),
                       .kind = SpanKind::kClient,
                       .name = name,
                       .began = began,
                       .ended = now,
                       .failed = failed,
                       .attributes = attributes});
}

}  // namespace tokenbroker
