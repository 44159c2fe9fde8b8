#include "telemetry/log.h"

#include <algorithm>
#include <memory>
#include <string>

#include "base/json.h"
#include "base/trace.h"
#include "gmock/gmock.h"
#include "support/manual_clock.h"

namespace tokenbroker::telemetry {
namespace {

class StringSink final : public LineSink {
 public:
  void Write(std::string_view lines) override { text += lines; }
  std::string text;
};

struct Written {
  StringSink sink;
  testing::ManualClock clock;
};

TEST(Log, WritesOneJsonObjectPerLine) {
  Written written;
  const Log log(written.sink, written.clock, Level::kInfo, Format::kJson);
  log.Write(Level::kInfo, "listening", {{"address", "[::1]:7070"}, {"queues", 2}});
  EXPECT_EQ(written.sink.text,
            "{\"time\":\"2026-01-01T00:00:00.000000Z\",\"level\":\"info\",\"event\":\"listening\","
            "\"address\":\"[::1]:7070\",\"queues\":2}\n");
}

TEST(Log, WritesTextForPeople) {
  Written written;
  written.clock.Advance(absl::Microseconds(1'002'003));
  const Log log(written.sink, written.clock, Level::kInfo, Format::kText);
  log.Write(Level::kError, "cannot listen", {{"why", "port in use"}, {"port", "7070"}});
  EXPECT_EQ(written.sink.text,
            "2026-01-01T00:00:01.002003Z error cannot listen why=\"port in use\" port=7070\n");
}

TEST(Log, NamesTheTraceThatItIsWrittenFor) {
  Written written;
  const Log log(written.sink, written.clock, Level::kInfo, Format::kText);
  Trace trace;
  trace.context.trace_id.fill('a');
  trace.context.span_id.fill('b');
  const TraceScope scope(std::make_shared<const Trace>(trace));
  log.Write(Level::kInfo, "listening", {{"queues", 2}});
  EXPECT_EQ(written.sink.text,
            "2026-01-01T00:00:00.000000Z info listening queues=2 "
            "trace_id=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa span_id=bbbbbbbbbbbbbbbb\n");
}

TEST(Log, LeavesOutWhatIsBelowTheThreshold) {
  Written written;
  const Log log(written.sink, written.clock, Level::kWarning, Format::kJson);
  log.Write(Level::kInfo, "listening");
  EXPECT_EQ(written.sink.text, "");
  log.Write(Level::kWarning, "store lost");
  EXPECT_NE(written.sink.text, "");
}

TEST(Log, EscapesWhatCouldForgeALine) {
  for (const Format format : {Format::kJson, Format::kText}) {
    Written written;
    const Log log(written.sink, written.clock, Level::kInfo, format);
    log.Write(Level::kInfo, "e", {{"value", "a\n{\"b\":1}\\\x80\x1b[0m"}});
    EXPECT_EQ(std::ranges::count(written.sink.text, '\n'), 1);
    for (const char c : written.sink.text) EXPECT_TRUE(c == '\n' || (c >= 0x20 && c < 0x7f));
    if (format == Format::kJson) {
      EXPECT_TRUE(ParseJsonObject(written.sink.text).ok());
    }
  }
}

}  // namespace
}  // namespace tokenbroker::telemetry
