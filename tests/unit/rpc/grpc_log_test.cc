#include "rpc/grpc_log.h"

#include <string>

#include "gmock/gmock.h"
#include "grpc/support/log.h"
#include "support/manual_clock.h"

namespace tokenbroker::rpc {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StringSink final : public telemetry::LineSink {
 public:
  void Write(std::string_view lines) override { text += lines; }
  std::string text;
};

TEST(GrpcLog, TellsErrorsAndNothingElse) {
  gpr_log_verbosity_init();  // as gRPC does before anything else
  StringSink sink;
  const testing::ManualClock clock;
  const telemetry::Log log(sink, clock, telemetry::Level::kDebug, telemetry::Format::kJson);
  {
    const GrpcLog grpc_log(log);
    gpr_log_message("file.cc", 7, GPR_LOG_SEVERITY_DEBUG, "authorization: Bearer x");
    EXPECT_THAT(sink.text, IsEmpty());
    gpr_log_message("file.cc", 7, GPR_LOG_SEVERITY_ERROR, "handshake \"failed\"");
    EXPECT_THAT(sink.text, HasSubstr(R"("level":"warn","event":"grpc",)"
                                     R"("message":"handshake \"failed\"","file":"file.cc")"));
  }
  sink.text.clear();
  gpr_log_message("file.cc", 7, GPR_LOG_SEVERITY_ERROR, "too late");
  EXPECT_THAT(sink.text, IsEmpty());
}

}  // namespace
}  // namespace tokenbroker::rpc
