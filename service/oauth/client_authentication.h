// How a client proves itself to its provider: exactly one way for each request
// (RFC 6749 section 2.3, OIDC Core section 9, RFC 7523 section 2.2, RFC 8705 section 2).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/secret.h"
#include "jose/algorithm.h"
#include "jose/private_key.h"
#include "oauth/form.h"

namespace tokenbroker::oauth {

struct ClientSecretBasic {
  Secret secret;
};
struct ClientSecretPost {
  Secret secret;
};
struct ClientSecretJwt {
  Secret secret;
  jose::Algorithm algorithm;  // HS256, HS384 or HS512
};
struct PrivateKeyJwt {
  jose::PrivateKey key;  // with the `kid` that the provider knows it by
};

// How the provider knows a client certificate again.
enum class CertificateTrust {
  kAuthority,   // by its subject, signed by an authority: `tls_client_auth`
  kSelfSigned,  // by its key: `self_signed_tls_client_auth`
};
// The certificate goes with the TLS connection: whoever sends the request sees to that.
struct TlsClientAuth {
  CertificateTrust trust = CertificateTrust::kAuthority;
  std::string certificate_file;  // PEM, as net/tls.h takes them
  std::string private_key_file;
};
struct NoAuthentication {};  // a public client: PKCE alone

using ClientAuthentication = std::variant<ClientSecretBasic, ClientSecretPost, ClientSecretJwt,
                                          PrivateKeyJwt, TlsClientAuth, NoAuthentication>;

// The name of the method in IANA's registry "OAuth Token Endpoint Authentication Methods".
std::string_view MethodName(const ClientAuthentication& authentication);

// What the method signs with; nothing for one that does not sign.
std::optional<jose::Algorithm> SigningAlgorithm(const ClientAuthentication& authentication);

// What a client assertion says besides who the client is.
struct AssertionTerms {
  // One string: an assertion for one provider must not be of use at another (RFC 7523bis).
  std::string audience;
  absl::Time now;
};

// What goes into the HTTP request: headers besides the content type (`Accept`, and `Authorization`
// for ClientSecretBasic), and the form body.
struct EncodedRequest {
  std::vector<std::pair<std::string, Secret>> headers;
  Secret body;
};

// Completes `form`, which holds the request's own fields, with the client's authentication.
//
// Basic credentials are form-encoded before base64, with `A-Z a-z 0-9 - . _` left as they are
// (RFC 6749 section 2.3.1 and appendix B). An assertion is good for 60 s and has a `jti` of its
// own, so that a request that is sent again must be authenticated again. For TlsClientAuth the form
// gets the `client_id` alone (RFC 8705 section 2).
//
// Errors: INVALID_REQUEST where a secret is shorter than its algorithm's hash; INTERNAL where
// OpenSSL fails. Thread-safe.
absl::StatusOr<EncodedRequest> Authenticate(FormWriter form, std::string_view client_id,
                                            const ClientAuthentication& authentication,
                                            const AssertionTerms& terms);

}  // namespace tokenbroker::oauth
