#include "wiring/certificate_expiries.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "base/file.h"
#include "net/certificate.h"

namespace tokenbroker::wiring {
namespace {

using telemetry::Metric;

constexpr std::size_t kMaxFileBytes = 1 << 20;

double UnixSeconds(absl::Time time) { return static_cast<double>(absl::ToUnixSeconds(time)); }

}  // namespace

void CertificateExpiries::Replace(const config::v1::Config& config) {
  std::vector<Shown> all;
  const config::v1::RedisStore& redis = config.store().redis();
  if (!redis.tls().certificate_file().empty()) {
    all.push_back({.use = "redis", .files = {redis.tls().certificate_file()}});
  }
  if (!redis.sentinel().tls().certificate_file().empty()) {
    all.push_back({.use = "sentinel", .files = {redis.sentinel().tls().certificate_file()}});
  }
  for (const config::v1::Client& client : config.clients()) {
    Shown shown{.use = "client", .name = client.name()};
    const config::v1::ClientAuthentication& authentication = client.authentication();
    for (const auto* by_certificate :
         {&authentication.tls_client_auth(), &authentication.self_signed_tls_client_auth()}) {
      for (const auto& certificate : by_certificate->certificates()) {
        shown.files.push_back(certificate.certificate_file());
      }
    }
    if (!shown.files.empty()) all.push_back(std::move(shown));
  }
  const MutexLock lock(mutex_);
  all_ = std::move(all);
}

void CertificateExpiries::Tell(telemetry::Scrape& scrape,
                               const rpc::ServerIdentity* identity) const {
  if (identity != nullptr) {
    const auto validity = ValidityOfCertificates(identity->certificates());
    if (validity.ok()) {
      scrape.Set(Metric::kCertificateExpiry, {"server", ""}, UnixSeconds(validity->until));
    }
  }
  std::vector<Shown> all;
  {
    const MutexLock lock(mutex_);
    all = all_;
  }
  for (const Shown& shown : all) {
    absl::Time last = absl::InfinitePast();
    for (const std::string& file : shown.files) {
      const auto pem = ReadFile(file, kMaxFileBytes);
      const auto validity = pem.ok() ? ValidityOfCertificates(*pem) : pem.status();
      if (validity.ok()) last = std::max(last, validity->until);
    }
    if (last == absl::InfinitePast()) continue;
    scrape.Set(Metric::kCertificateExpiry, {shown.use, shown.name}, UnixSeconds(last));
  }
}

}  // namespace tokenbroker::wiring
