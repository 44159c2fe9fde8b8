// Any text as a token, against keys of every type and a policy that allows every algorithm: it must
// neither crash nor leave an error in OpenSSL's queue. Of whole tokens only the seeds, signed by
// the RFCs, verify. So the text is also taken as a header and, after the first line end, a payload,
// and signed: that reaches what lies behind a good signature.
#include <openssl/err.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/base64url.h"
#include "jose/jws.h"
#include "jose/signature.h"

namespace {

using namespace tokenbroker;  // NOLINT: a fuzzer is one function

// The public keys of RFC 7515 appendix A.3 and RFC 8037 appendix A.2, and an RSA key that nobody
// has the private half of.
const jose::JwkSet& Keys() {
  static const jose::JwkSet keys = [] {
    const std::string modulus = "8" + std::string(340, 'A') + "Q";
    return *jose::JwkSet::Parse(
        R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
        R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"ec"},{"kty":"OKP",)"
        R"("crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"okp"},)"
        R"({"kty":"RSA","kid":"rsa","e":"AQAB","n":")" +
        modulus + R"("}]})");
  }();
  if (keys.keys().size() != 3) std::abort();
  return keys;
}

const jose::JwsPolicy& Policy() {
  static const jose::JwsPolicy policy{
      .algorithms = {jose::Algorithm::kRS256, jose::Algorithm::kRS384, jose::Algorithm::kRS512,
                     jose::Algorithm::kPS256, jose::Algorithm::kPS384, jose::Algorithm::kPS512,
                     jose::Algorithm::kES256, jose::Algorithm::kES384, jose::Algorithm::kES512,
                     jose::Algorithm::kEdDSA, jose::Algorithm::kHS256, jose::Algorithm::kHS384,
                     jose::Algorithm::kHS512}};
  return policy;
}

void Verify(std::string_view compact) {
  const auto header = jose::ParseUnverifiedHeader(compact);
  const auto jwt = jose::VerifyJws(compact, Keys(), Policy());
  if (jwt.ok()) {
    if (!header.ok()) std::abort();
    (void)jose::ParseClaims(*jwt);
  }
  (void)jose::VerifyHmacJws(compact, Secret(std::string(64, 'k')), Policy());
}

// With the header's bytes as they are, which no honest signer would leave so.
void VerifySigned(std::string_view text) {
  const std::string_view header_text = text.substr(0, text.find('\n'));
  const std::string_view payload = text.substr(std::min(text.size(), header_text.size() + 1));
  const Secret secret(std::string(64, 'k'));
  const std::string input = Base64UrlEncode(header_text) + "." + Base64UrlEncode(payload);
  const auto code = jose::MakeHmac(jose::Algorithm::kHS256, secret, input);
  const std::string compact = input + "." + Base64UrlEncode(*code);
  const auto jwt = jose::VerifyHmacJws(compact, secret, Policy());
  (void)jose::VerifyJws(compact, Keys(), Policy());
  if (!jwt.ok()) return;
  // Only HS256, with nothing in the header that changes what the rest means.
  if (jwt->algorithm != jose::Algorithm::kHS256 || jwt->payload != payload) std::abort();
  if (jwt->header["alg"] != "HS256" || jwt->header.contains("crit")) std::abort();
  if (jwt->type && *jwt->type != "jwt") std::abort();
  const auto claims = jose::ParseClaims(*jwt);
  if (claims.ok() && !claims->is_object()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Verify(text);
  VerifySigned(text);
  if (ERR_peek_error() != 0) std::abort();
  return 0;
}
