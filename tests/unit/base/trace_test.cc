#include "base/trace.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tokenbroker {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

constexpr char kTraceId[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kSpanId[] = "00f067aa0ba902b7";

struct Row {
  std::string value;
  bool is_taken;
  bool sampled = false;
};

class Traceparent : public ::testing::TestWithParam<Row> {};

TEST_P(Traceparent, IsTakenToTheLetterOrNotAtAll) {
  const auto context = ParseTraceparent(GetParam().value);
  ASSERT_EQ(context.has_value(), GetParam().is_taken) << GetParam().value;
  if (!context) return;
  EXPECT_EQ(context->trace_id_text(), kTraceId);
  EXPECT_EQ(context->span_id_text(), kSpanId);
  EXPECT_EQ(context->sampled, GetParam().sampled);
}

std::string Of(const std::string& version, const std::string& flags) {
  return version + "-" + kTraceId + "-" + kSpanId + "-" + flags;
}

INSTANTIATE_TEST_SUITE_P(
    All, Traceparent,
    ::testing::Values(
        Row{Of("00", "01"), true, true}, Row{Of("00", "00"), true, false},
        Row{Of("00", "03"), true, true},  // a flag that is not known yet
        Row{Of("00", "fe"), true, false}, Row{Of("00", "ff"), true, true},
        // A later version: what it has in common counts.
        Row{Of("01", "01"), true, true}, Row{Of("cc", "01") + "-what-comes-later", true, true},
        Row{Of("cc", "01") + "what-comes-later", false}, Row{Of("00", "01") + "-more", false},
        Row{Of("00", "01") + "-", false}, Row{Of("ff", "01"), false},
        // Lower case, and nothing else.
        Row{Of("0A", "01"), false}, Row{Of("00", "0A"), false}, Row{Of("00", "0g"), false},
        Row{"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false},
        Row{"00-4bf92f3577b34da6a3ce929d0e0e4736-00F067AA0BA902B7-01", false},
        Row{"00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01", false},
        Row{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b -01", false},
        // All zeros stand for nothing.
        Row{"00-00000000000000000000000000000000-00f067aa0ba902b7-01", false},
        Row{"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false},
        // Lengths and dashes.
        Row{"", false}, Row{"00", false}, Row{Of("00", "0"), false}, Row{Of("00", "011"), false},
        Row{" " + Of("00", "01"), false}, Row{Of("00", "01") + " ", false},
        Row{"00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false},
        Row{"00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01", false},
        Row{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01", false},
        Row{"00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01", false},
        Row{std::string(55, '-'), false}, Row{std::string(4096, '0'), false}));

TracePtr Make(const char* span_id, SpanSink* sink = nullptr) {
  auto context = ParseTraceparent(std::string("00-") + kTraceId + "-" + span_id + "-01");
  return std::make_shared<const Trace>(Trace{.context = *context, .sink = sink});
}

TEST(TraceScope, IsOfThisThreadAndEndsWithTheScope) {
  EXPECT_EQ(CurrentTrace(), nullptr);
  const TracePtr outer = Make("0000000000000001");
  const TraceScope scope(outer);
  {
    const TraceScope inner(Make("0000000000000002"));
    EXPECT_EQ(CurrentTrace()->context.span_id_text(), "0000000000000002");
  }
  EXPECT_EQ(CurrentTrace(), outer);
  std::thread([] { EXPECT_EQ(CurrentTrace(), nullptr); }).join();
}

class Recorded final : public SpanSink {
 public:
  void Record(const FinishedSpan& span) override {
    spans.emplace_back(span.name, span.parent.span_id_text());
  }
  std::vector<std::pair<std::string, std::string>> spans;
};

TEST(RecordSpan, IsPartOfTheTraceThatIsRecorded) {
  Recorded recorded;
  const absl::Time now = absl::UnixEpoch();
  RecordSpan(nullptr, "nobody's", now, now, false, {});
  RecordSpan(Make(kSpanId), "not recorded", now, now, false, {});
  RecordSpan(Make(kSpanId, &recorded), "store check", now, now, false, {});
  EXPECT_THAT(recorded.spans, ElementsAre(Pair("store check", kSpanId)));
}

TEST(SpanIds, Differ) { EXPECT_NE(NewSpanId(), NewSpanId()); }

}  // namespace
}  // namespace tokenbroker
