// Certificates made at test time: no key is kept in the repository, and none expires there.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace tokenbroker::testing {

// A certificate and its private key (P-256), PEM.
struct PemPair {
  std::string certificate;
  std::string key;
};

struct CertificateOptions {
  std::string common_name = "test";
  // Subject alternative names; an embedded NUL is kept as it is.
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;
  std::vector<std::string> uris;                // SPIFFE IDs among them
  absl::Duration not_before = -absl::Hours(1);  // relative to now
  absl::Duration not_after = absl::Hours(24);
};

// A certificate authority of the test's own.
class TestAuthority {
 public:
  explicit TestAuthority(const std::string& common_name = "test CA");

  // The CA's certificate, PEM.
  std::string certificate() const;
  // A certificate for servers and clients, signed by the CA.
  PemPair Issue(const CertificateOptions& options) const;

 private:
  struct KeyDeleter {
    void operator()(EVP_PKEY* key) const;
  };
  struct CertificateDeleter {
    void operator()(X509* certificate) const;
  };
  std::unique_ptr<EVP_PKEY, KeyDeleter> key_;
  std::unique_ptr<X509, CertificateDeleter> certificate_;
};

// The same without an authority.
PemPair SelfSigned(const CertificateOptions& options);

}  // namespace tokenbroker::testing
