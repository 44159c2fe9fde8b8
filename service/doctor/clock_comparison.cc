#include <utility>

#include "absl/strings/str_cat.h"
#include "doctor/examinations.h"

namespace tokenbroker::doctor {

Finding CompareClocks(std::string whose, absl::Time ours, absl::Time theirs) {
  // A second of resolution, and another for the way.
  constexpr absl::Duration kUnremarkable = absl::Seconds(5);
  constexpr absl::Duration kTooFar = absl::Seconds(30);
  const absl::Duration ahead = ours - theirs;
  const absl::Duration apart = absl::AbsDuration(ahead);
  Finding finding{.area = "clock", .subject = std::move(whose), .found = ""};
  if (apart <= kUnremarkable) {
    finding.found = "as ours";
    return finding;
  }
  finding.verdict = apart > kTooFar ? Verdict::kFault : Verdict::kWarning;
  finding.found =
      absl::StrCat("our clock is ", absl::FormatDuration(absl::Trunc(apart, absl::Seconds(1))),
                   ahead > absl::ZeroDuration() ? " ahead of it" : " behind it");
  finding.remedy =
      "let NTP set the clocks; tokens are taken for expired or not yet valid otherwise";
  return finding;
}

}  // namespace tokenbroker::doctor
