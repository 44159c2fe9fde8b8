#include "doctor/doctor.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_split.h"
#include "config/config.h"
#include "doctor/examinations.h"
#include "net/runtime.h"

namespace tokenbroker::doctor {
namespace {

// Each line of the message is one fault: where it is, and what it is.
Findings FaultsOf(const std::string& file, const absl::Status& status) {
  Findings findings;
  const std::string message(status.message());
  for (const auto line : absl::StrSplit(message, '\n', absl::SkipEmpty())) {
    findings.push_back({.verdict = Verdict::kFault,
                        .area = "config",
                        .subject = file,
                        .found = std::string(line),
                        .remedy = "correct it; token-broker --check says the same"});
  }
  return findings;
}

}  // namespace

Findings Examine(const std::string& file, const Clock& clock) {
  auto loaded = config::LoadConfig(file);
  if (!loaded.ok()) return FaultsOf(file, loaded.status());
  Findings findings;
  findings.push_back(
      {.area = "config", .subject = file, .found = "valid, and all files in it can be read"});
  ExamineCertificates(loaded->config, clock, findings);
  Runtime runtime(2);
  ExamineStore(*loaded, runtime, clock, findings);
  ExamineProviders(*loaded, runtime, clock, findings);
  return findings;
}

}  // namespace tokenbroker::doctor
