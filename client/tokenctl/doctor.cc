#include "doctor.h"

#include <algorithm>
#include <cstdio>

#include "base/clock.h"
#include "doctor/doctor.h"
#include "google/protobuf/struct.pb.h"

namespace tokenbroker::tokenctl {
namespace {

using doctor::Finding;
using doctor::Findings;
using doctor::Verdict;

const char* NameOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kGood:
      return "ok";
    case Verdict::kWarning:
      return "warning";
    case Verdict::kFault:
      return "FAULT";
  }
  return "FAULT";
}

void PrintAsJson(const Finding& finding) {
  google::protobuf::Struct line;
  auto& fields = *line.mutable_fields();
  fields["verdict"].set_string_value(finding.verdict == Verdict::kFault ? "fault"
                                                                        : NameOf(finding.verdict));
  fields["area"].set_string_value(finding.area);
  fields["subject"].set_string_value(finding.subject);
  fields["found"].set_string_value(finding.found);
  fields["remedy"].set_string_value(finding.remedy);
  PrintJson(line);
}

void PrintTable(const Findings& findings) {
  std::size_t area = 5;
  std::size_t subject = 7;
  for (const Finding& finding : findings) {
    area = std::max(area, finding.area.size());
    subject = std::max(subject, finding.subject.size());
  }
  const auto row = [&](const char* verdict, const std::string& of, const std::string& what,
                       const std::string& found) {
    std::printf("%-8s %-*s %-*s %s\n", verdict, static_cast<int>(area), of.c_str(),
                static_cast<int>(subject), what.c_str(), found.c_str());
  };
  row("VERDICT", "CHECK", "WHAT", "FOUND");
  for (const Finding& finding : findings) {
    row(NameOf(finding.verdict), finding.area, finding.subject, finding.found);
    if (!finding.remedy.empty()) std::printf("         -> %s\n", finding.remedy.c_str());
  }
}

}  // namespace

ExitCode RunDoctor(const std::string& file, bool json) {
  const SystemClock clock;
  const Findings findings = doctor::Examine(file, clock);
  if (json) {
    std::for_each(findings.begin(), findings.end(), PrintAsJson);
  } else {
    PrintTable(findings);
  }
  const bool is_well = std::none_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.verdict == Verdict::kFault;
  });
  return is_well ? kOk : kFailed;
}

}  // namespace tokenbroker::tokenctl
