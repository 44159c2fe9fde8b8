#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "config/message_walk.h"
#include "doctor/examinations.h"

namespace tokenbroker::doctor {
namespace {

// Long enough to have one renewed by hand.
constexpr absl::Duration kSoon = absl::Hours(24 * 14);

template <auto kFunction>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    kFunction(object);
  }
};

struct Validity {
  absl::Time from = absl::InfinitePast();
  absl::Time until = absl::InfiniteFuture();
};

std::optional<absl::Time> TimeOf(const ASN1_TIME* time) {
  std::tm fields{};
  if (ASN1_TIME_to_tm(time, &fields) != 1) return std::nullopt;
  return absl::FromTM(fields, absl::UTCTimeZone());
}

// When all certificates in the file are good; nothing where it holds none.
std::optional<Validity> ValidityOf(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  const std::unique_ptr<BIO, Free<BIO_free_all>> bio(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  std::optional<Validity> validity;
  while (true) {
    const std::unique_ptr<X509, Free<X509_free>> certificate(
        PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!certificate) break;
    const auto from = TimeOf(X509_get0_notBefore(certificate.get()));
    const auto until = TimeOf(X509_get0_notAfter(certificate.get()));
    if (!validity) validity.emplace();
    validity->from = std::max(validity->from, from.value_or(absl::InfiniteFuture()));
    validity->until = std::min(validity->until, until.value_or(absl::InfinitePast()));
  }
  ERR_clear_error();
  return validity;
}

std::string Day(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M UTC", time, absl::UTCTimeZone());
}

Finding Judge(const std::string& subject, const Validity& validity, absl::Time now) {
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
        if (const auto validity = ValidityOf(file)) {
          findings.push_back(Judge(absl::StrCat(path, " ", file), *validity, clock.Now()));
        }
      });
}

}  // namespace tokenbroker::doctor
