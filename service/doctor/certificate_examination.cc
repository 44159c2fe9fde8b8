#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "config/message_walk.h"
#include "doctor/examinations.h"
#include "net/certificate.h"

namespace tokenbroker::doctor {
namespace {

// Long enough to have one renewed by hand.
constexpr absl::Duration kSoon = absl::Hours(24 * 14);

std::string Day(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M UTC", time, absl::UTCTimeZone());
}

Finding Judge(const std::string& subject, const CertificateValidity& validity, absl::Time now) {
  Finding finding{.area = "certificates", .subject = subject};
  if (validity.until <= now) {
    finding.verdict = Verdict::kFault;
    finding.found = absl::StrCat("has run out on ", Day(validity.until));
    finding.remedy = "put a new certificate there; a running broker takes it over by itself";
  } else if (validity.from > now) {
    finding.verdict = Verdict::kFault;
    finding.found = absl::StrCat("is not good before ", Day(validity.from));
    finding.remedy = "compare the clocks of this machine and of the one that issued it";
  } else if (validity.until - now < kSoon) {
    finding.verdict = Verdict::kWarning;
    finding.found = absl::StrCat("runs out on ", Day(validity.until));
    finding.remedy = "renew it; a running broker takes a new one over by itself";
  } else {
    finding.found = absl::StrCat("good until ", Day(validity.until));
  }
  return finding;
}

}  // namespace

void ExamineCertificates(const config::v1::Config& config, const Clock& clock, Findings& findings) {
  config::v1::Config copy = config;
  config::ForEachText(
      copy, config::v1::FORMAT_FILE, [&](const std::string& file, const std::string& path) {
        const auto pem = ReadFile(file, kMaxNamedFileBytes);
        const auto validity = pem.ok() ? ValidityOfCertificates(*pem) : pem.status();
        if (!validity.ok()) return;  // a key, or whatever else
        findings.push_back(Judge(absl::StrCat(path, " ", file), *validity, clock.Now()));
      });
}

}  // namespace tokenbroker::doctor
