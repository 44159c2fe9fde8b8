#include "telemetry/otlp_spans.h"

#include <openssl/crypto.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/time/clock.h"
#include "opentelemetry/exporters/otlp/otlp_http_exporter_factory.h"
#include "opentelemetry/exporters/otlp/otlp_http_exporter_options.h"
#include "opentelemetry/sdk/common/global_log_handler.h"
#include "opentelemetry/sdk/instrumentationscope/instrumentation_scope.h"
#include "opentelemetry/sdk/resource/resource.h"
#include "opentelemetry/sdk/trace/batch_span_processor_factory.h"
#include "opentelemetry/sdk/trace/batch_span_processor_options.h"
#include "opentelemetry/sdk/trace/processor.h"
#include "opentelemetry/sdk/trace/recordable.h"

namespace tokenbroker::telemetry {
namespace {

namespace otel = opentelemetry;
using otel::sdk::common::internal_log::GlobalLogHandler;
using otel::sdk::common::internal_log::LogHandler;
using otel::sdk::common::internal_log::LogLevel;
using otel::sdk::common::internal_log::NoopLogHandler;

constexpr auto kSendEvery = std::chrono::seconds(1);
constexpr auto kPatience = std::chrono::seconds(5);
constexpr auto kPatienceAtTheEnd = std::chrono::seconds(2);
constexpr std::int64_t kSecondsBetweenWarnings = 60;

// What the library would print to standard output, kept to what somebody should know.
class Complaints final : public LogHandler {
 public:
  explicit Complaints(const Log& log) : log_(log) {}

  void Handle(LogLevel level, const char*, int, const char* message,
              const otel::sdk::common::AttributeMap&) noexcept override {
    if (level != LogLevel::Error) return;
    const std::int64_t now = absl::ToUnixSeconds(absl::Now());
    std::int64_t due = due_.load();
    if (now < due || !due_.compare_exchange_strong(due, now + kSecondsBetweenWarnings)) return;
    const std::string_view because = message == nullptr ? "" : message;
    log_.Write(Level::kWarning, "spans not exported", {{"because", because.substr(0, 200)}});
  }

 private:
  const Log& log_;
  std::atomic<std::int64_t> due_ = 0;
};

template <typename Id, std::size_t kDigits>
Id IdOf(const std::array<char, kDigits>& hex) {
  std::array<std::uint8_t, kDigits / 2> bytes = {};
  std::size_t size = 0;
  OPENSSL_hexstr2buf_ex(bytes.data(), bytes.size(), &size, std::string(hex.data(), kDigits).c_str(),
                        '\0');
  return Id(otel::nostd::span<const std::uint8_t, kDigits / 2>(bytes.data(), bytes.size()));
}

otel::nostd::string_view View(std::string_view text) { return {text.data(), text.size()}; }

class OtlpSpans final : public SpanSink {
 public:
  OtlpSpans(OtlpOptions options, const Log& log)
      : resource_(otel::sdk::resource::Resource::Create(
            {{"service.name", std::string("token-broker")},
             {"service.version", std::move(options.version)},
             {"service.instance.id", std::move(options.instance)}})),
        scope_(otel::sdk::instrumentationscope::InstrumentationScope::Create("token-broker")) {
    GlobalLogHandler::SetLogHandler(otel::nostd::shared_ptr<LogHandler>(new Complaints(log)));
    otel::exporter::otlp::OtlpHttpExporterOptions http;
    http.url = std::move(options.endpoint);
    http.content_type = otel::exporter::otlp::HttpRequestContentType::kBinary;
    http.timeout = kPatience;
    otel::sdk::trace::BatchSpanProcessorOptions batches;
    batches.schedule_delay_millis = kSendEvery;
    processor_ = otel::sdk::trace::BatchSpanProcessorFactory::Create(
        otel::exporter::otlp::OtlpHttpExporterFactory::Create(http), batches);
  }
  ~OtlpSpans() override {
    processor_->Shutdown(kPatienceAtTheEnd);
    processor_.reset();
    GlobalLogHandler::SetLogHandler(otel::nostd::shared_ptr<LogHandler>(new NoopLogHandler()));
  }

  void Record(const FinishedSpan& span) override {
    auto made = processor_->MakeRecordable();
    if (made == nullptr) return;
    const auto flags = span.parent.sampled ? otel::trace::TraceFlags::kIsSampled : 0;
    const otel::trace::SpanContext context(
        IdOf<otel::trace::TraceId>(span.parent.trace_id), IdOf<otel::trace::SpanId>(span.span_id),
        otel::trace::TraceFlags(static_cast<std::uint8_t>(flags)), false);
    made->SetIdentity(context, IdOf<otel::trace::SpanId>(span.parent.span_id));
    made->SetResource(resource_);
    made->SetInstrumentationScope(*scope_);
    made->SetName(View(span.name));
    made->SetSpanKind(span.kind == SpanKind::kServer ? otel::trace::SpanKind::kServer
                                                     : otel::trace::SpanKind::kClient);
    made->SetStartTime(otel::common::SystemTimestamp(absl::ToChronoTime(span.began)));
    made->SetDuration(absl::ToChronoNanoseconds(span.ended - span.began));
    if (span.failed) made->SetStatus(otel::trace::StatusCode::kError, "");
    for (const auto& [name, value] : span.attributes) {
      if (const auto* number = std::get_if<std::int64_t>(&value)) {
        made->SetAttribute(View(name), *number);
      } else {
        made->SetAttribute(View(name), View(std::get<std::string_view>(value)));
      }
    }
    processor_->OnEnd(std::move(made));
  }

 private:
  const otel::sdk::resource::Resource resource_;
  const otel::nostd::unique_ptr<otel::sdk::instrumentationscope::InstrumentationScope> scope_;
  std::unique_ptr<otel::sdk::trace::SpanProcessor> processor_;
};

}  // namespace

std::unique_ptr<SpanSink> MakeOtlpSpans(OtlpOptions options, const Log& log) {
  return std::make_unique<OtlpSpans>(std::move(options), log);
}

}  // namespace tokenbroker::telemetry
