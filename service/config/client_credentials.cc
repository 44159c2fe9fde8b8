#include "config/client_credentials.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "config/message_walk.h"
#include "jose/algorithm.h"
#include "net/certificate.h"

namespace tokenbroker::config {
namespace {

constexpr std::size_t kMaxPemBytes = 1 << 20;

// RFC 7518 section 3.2: as many bytes as the hash has. 0 for what is no HMAC.
std::size_t MinimumSecretBytes(jose::Algorithm algorithm) {
  switch (algorithm) {
    case jose::Algorithm::kHS256:
      return 32;
    case jose::Algorithm::kHS384:
      return 48;
    case jose::Algorithm::kHS512:
      return 64;
    default:
      return 0;
  }
}

void CheckSecrets(const v1::ClientSecretJwt& jwt, const Secrets& secrets, const std::string& path,
                  Faults& faults) {
  const auto algorithm = jose::ParseAlgorithm(jwt.algorithm());
  const std::size_t minimum = algorithm ? MinimumSecretBytes(*algorithm) : 0;
  for (int i = 0; i < jwt.secrets_size(); ++i) {
    if (secrets.Get(jwt.secrets(i)).size() >= minimum) continue;
    faults.Add(ElementPath(path + ".secrets", static_cast<std::size_t>(i)),
               absl::StrCat("is shorter than the ", minimum, " bytes that ", jwt.algorithm(),
                            " needs; have the provider issue a longer one"));
  }
}

void CheckCertificates(const v1::TlsClientAuthentication& tls, const std::string& path,
                       Faults& faults) {
  for (int i = 0; i < tls.certificates_size(); ++i) {
    const std::string element = ElementPath(path + ".certificates", static_cast<std::size_t>(i));
    auto certificate = ReadFile(tls.certificates(i).certificate_file(), kMaxPemBytes);
    auto key = ReadFile(tls.certificates(i).private_key_file(), kMaxPemBytes);
    if (!certificate.ok() || !key.ok()) {
      faults.Add(element, FaultText(certificate.ok() ? key.status() : certificate.status()));
      continue;
    }
    const absl::Status pair = CheckKeyPair(*certificate, Secret::Take(*std::move(key)));
    if (pair.ok()) continue;
    faults.Add(element,
               FaultText(pair) + "; name a certificate and its own private key, both in PEM");
  }
}

}  // namespace

void CheckClientCredentials(const LoadedConfig& loaded, Faults& faults) {
  for (int i = 0; i < loaded.config.clients_size(); ++i) {
    const v1::ClientAuthentication& authentication = loaded.config.clients(i).authentication();
    const std::string path =
        ElementPath("clients", static_cast<std::size_t>(i)) + ".authentication";
    CheckSecrets(authentication.client_secret_jwt(), loaded.secrets, path + ".client_secret_jwt",
                 faults);
    CheckCertificates(authentication.tls_client_auth(), path + ".tls_client_auth", faults);
    CheckCertificates(authentication.self_signed_tls_client_auth(),
                      path + ".self_signed_tls_client_auth", faults);
  }
}

}  // namespace tokenbroker::config
