// The single examinations that doctor::Examine is made of. Each adds what it finds.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "config/config.h"
#include "doctor/finding.h"
#include "net/runtime.h"
#include "tokenbroker/config/v1/config.pb.h"

namespace tokenbroker::doctor {

// How long the certificates are good for in every PEM file that the configuration names.
void ExamineCertificates(const config::v1::Config& config, const Clock& clock, Findings& findings);

// Whether the store answers, keeps what it is given, and was filled by the same sealing keys.
// Blocks.
void ExamineStore(const config::LoadedConfig& loaded, Runtime& runtime, const Clock& clock,
                  Findings& findings);

// Whether each provider can be reached, is who it should be and publishes keys. Blocks.
void ExamineProviders(const config::LoadedConfig& loaded, Runtime& runtime, const Clock& clock,
                      Findings& findings);

// The reason of a failure with the facts that came with it, in words.
std::string Explain(const absl::Status& status);

// What it means that the clock of `whose` shows `theirs` while ours shows `ours`: tokens and
// assertions are good or not by the clock.
Finding CompareClocks(std::string whose, absl::Time ours, absl::Time theirs);

}  // namespace tokenbroker::doctor
