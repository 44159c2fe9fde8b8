// Owners for OpenSSL's objects, for use inside jose/ only.
#pragma once

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include <memory>
#include <string_view>

namespace tokenbroker::jose {

template <auto Function>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    Function(object);
  }
};

using BignumPtr = std::unique_ptr<BIGNUM, Free<BN_clear_free>>;
using BioPtr = std::unique_ptr<BIO, Free<BIO_vfree>>;
using CipherContextPtr = std::unique_ptr<EVP_CIPHER_CTX, Free<EVP_CIPHER_CTX_free>>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using EcdsaSignaturePtr = std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>>;
using ParamBuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>>;
using PkeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using CertificatePtr = std::unique_ptr<X509, Free<X509_free>>;

// A key, shared by whoever uses it. OpenSSL's keys are safe to use from many threads at once.
using PkeyPtr = std::shared_ptr<EVP_PKEY>;

inline PkeyPtr SharePkey(EVP_PKEY* key) { return PkeyPtr(key, EVP_PKEY_free); }

// Leaves OpenSSL's error queue of this thread as it was: what a bad token puts there would be read
// as the failure of the next TLS connection on the same thread.
class ErrorQueueGuard {
 public:
  ErrorQueueGuard() { ERR_set_mark(); }
  ~ErrorQueueGuard() { ERR_pop_to_mark(); }
  ErrorQueueGuard(const ErrorQueueGuard&) = delete;
  ErrorQueueGuard& operator=(const ErrorQueueGuard&) = delete;
};

inline const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace tokenbroker::jose
