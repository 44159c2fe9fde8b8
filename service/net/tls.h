// What a TLS client trusts and shows, the same for HTTP and for Redis.
#pragma once

#include <openssl/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace tokenbroker {

// PEM files.
struct ClientCertificate {
  std::string certificate_file;  // the certificate and its chain
  std::string key_file;          // its private key, not encrypted
};

// The server's certificate chain and name are always verified, and TLS is 1.2 at least.
struct TlsClientOptions {
  std::optional<std::string> ca_file = {};  // PEM. Default: the system's trust store.
  std::optional<ClientCertificate> client_certificate = {};  // Default: none shown.
};

// Makes verification under `parameters` demand a certificate for `host`, a DNS name or an IP
// address in text. Only subject alternative names count (RFC 6125 section 6.4.4), never the common
// name, and a wildcard stands for one whole label. False where OpenSSL cannot take the name.
bool RequirePeerName(X509_VERIFY_PARAM* parameters, std::string_view host);

}  // namespace tokenbroker
