#include "telemetry/request_log.h"

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "gmock/gmock.h"

namespace tokenbroker::telemetry {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class StringSink final : public LineSink {
 public:
  void Write(std::string_view lines) override {
    const MutexLock lock(mutex_);
    text_ += lines;
  }
  std::string text() {
    const MutexLock lock(mutex_);
    return text_;
  }

 private:
  Mutex mutex_;
  std::string text_ ABSL_GUARDED_BY(mutex_);
};

RequestRecord Record() {
  return {.rpc = "GetAccessToken",
          .caller = "shop",
          .client = "",
          .grant_id = "c2hvcC1ncmFudC0x",
          .outcome = "OK",
          .code = "OK",
          .finished_at = absl::FromUnixSeconds(1767225600),
          .duration = absl::Microseconds(42)};
}

TEST(RequestLog, NamesTheTraceOfTheCaller) {
  StringSink sink;
  RequestLog log(sink, {.format = Format::kText});
  Trace trace;
  trace.context.trace_id.fill('a');
  trace.context.span_id.fill('b');
  RequestRecord record = Record();
  record.trace = &trace;
  log.Write(record);
  log.Flush();
  EXPECT_THAT(sink.text(),
              HasSubstr(" trace_id=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa span_id=bbbbbbbbbbbbbbbb\n"));
}

TEST(RequestLog, WritesWhoWhatWhichGrantAndOutcome) {
  StringSink sink;
  RequestLog log(sink, {});
  log.Write(Record());
  log.Flush();
  EXPECT_EQ(sink.text(),
            "{\"time\":\"2026-01-01T00:00:00.000000Z\",\"level\":\"info\",\"event\":\"request\","
            "\"rpc\":\"GetAccessToken\",\"caller\":\"shop\",\"grant_id\":\"c2hvcC1ncmFudC0x\","
            "\"outcome\":\"OK\",\"code\":\"OK\",\"duration_us\":42}\n");
}

TEST(RequestLog, LeavesOutAClientThatCannotBeOne) {
  StringSink sink;
  RequestLog log(sink, {});
  RequestRecord record = Record();
  const std::string text(1000, 'x');
  record.client = text;
  log.Write(record);
  record.client = "web client";
  log.Write(record);
  log.Flush();
  EXPECT_THAT(sink.text(), Not(HasSubstr("client")));
}

TEST(RequestLog, LeavesOutAGrantIdThatCannotBeOne) {
  StringSink sink;
  RequestLog log(sink, {});
  RequestRecord record = Record();
  const std::string jwt = "eyJhbGciOiJSUzI1NiJ9.e30.c2ln";
  record.grant_id = jwt;
  log.Write(record);
  log.Flush();
  EXPECT_THAT(sink.text(), Not(HasSubstr(jwt)));
}

TEST(RequestLog, WarnsOfFailuresOfOurs) {
  StringSink sink;
  RequestLog log(sink, {.threshold = Level::kWarning});
  RequestRecord record = Record();
  log.Write(record);
  record.code = "INTERNAL";
  log.Write(record);
  log.Flush();
  EXPECT_THAT(sink.text(), HasSubstr("\"level\":\"warn\""));
  EXPECT_EQ(std::ranges::count(sink.text(), '\n'), 1);
}

TEST(RequestLog, LosesNothingOfManyThreadsWhenItEnds) {
  StringSink sink;
  {
    RequestLog log(sink, {.flush_interval = absl::Milliseconds(1)});
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&log] {
        for (int n = 0; n < 5000; ++n) log.Write(Record());
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(std::ranges::count(sink.text(), '\n'), 20'000);
}

}  // namespace
}  // namespace tokenbroker::telemetry
