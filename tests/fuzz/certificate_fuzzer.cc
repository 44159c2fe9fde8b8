// A certificate in DER: as a file that the broker is to show, and as the `x5c` of a provider's key.
#include <openssl/err.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/base64url.h"
#include "base/error.h"
#include "jose/jwk.h"
#include "net/certificate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tokenbroker;  // NOLINT: a fuzzer is one function
  const std::string_view der(reinterpret_cast<const char*>(data), size);
  const std::string encoded = Base64Encode(der);
  std::string pem = "-----BEGIN CERTIFICATE-----\n";
  for (std::size_t i = 0; i < encoded.size(); i += 64) pem += encoded.substr(i, 64) + "\n";
  pem += "-----END CERTIFICATE-----\n";
  const auto thumbprint = CertificateThumbprint(pem);
  const auto validity = ValidityOfCertificates(pem);
  if (thumbprint.ok() != validity.ok()) std::abort();
  if (thumbprint.ok() && thumbprint->size() != 43) std::abort();
  (void)CheckKeyPair(pem, Secret(pem));

  // RFC 7517 appendix B: its modulus, and any certificate.
  Json jwk = {
      {"kty", "RSA"},
      {"e", "AQAB"},
      {"n",
       "vrjOfz9Ccdgx5nQudyhdoR17V-IubWMeOZCwX_jj0hgAsz2J_pqYW08PLbK_PdiVGKPrqzmDIsLI7sA25VEnHU"
       "1uCLNwBuUiCO11_-7dYbsr4iJmG0Qu2j8DsVyT1azpJC_NG84Ty5KKthuCaPod7iI7w0LK9orSMhBEwwZDCxTW"
       "q4aYWAchc8t-emd9qOvWtVMDC2BXksRngh6X5bUYLy6AyHKvj-nUy1wgzjYQDwHMTplCoLtU-o-8SNnZ1tmRoG"
       "E9uJkBLdh5gFENabWnU5m1ZqZPdwS-qo-meMvVfJb6jJVWRpl2SUtCnYG2C32qvbWbjZ_jBPD5eunqsIo1vQ"},
      {"x5c", {encoded}}};
  const auto key = jose::Jwk::Parse(jwk);
  if (!key.ok() && !HasReason(key.status(), Reason::kProviderResponseInvalid)) std::abort();
  if (ERR_peek_error() != 0) std::abort();
  return 0;
}
