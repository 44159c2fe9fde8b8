#include "jose/hash_claim.h"

#include <openssl/evp.h>

#include <array>
#include <cstdlib>

#include "base/base64url.h"
#include "jose/openssl.h"

namespace tokenbroker::jose {
namespace {

struct Shape {
  const char* digest;
  std::size_t size;  // of the whole hash, in bytes
};

Shape ShapeOf(HashFunction hash) {
  switch (hash) {
    case HashFunction::kSha256:
      return {"SHA2-256", 32};
    case HashFunction::kSha384:
      return {"SHA2-384", 48};
    case HashFunction::kSha512:
      return {"SHA2-512", 64};
    case HashFunction::kShake256:
      return {"SHAKE-256", 114};  // the output length that Ed448 uses (RFC 8032 section 5.2)
  }
  std::abort();
}

}  // namespace

std::string HashClaim(HashFunction hash, std::string_view value) {
  const ErrorQueueGuard guard;
  const Shape shape = ShapeOf(hash);
  std::array<unsigned char, 114> digest;
  const DigestContextPtr context(EVP_MD_CTX_new());
  EVP_MD* fetched = EVP_MD_fetch(nullptr, shape.digest, nullptr);
  const bool done = context && fetched != nullptr &&
                    EVP_DigestInit_ex2(context.get(), fetched, nullptr) == 1 &&
                    EVP_DigestUpdate(context.get(), value.data(), value.size()) == 1 &&
                    (hash == HashFunction::kShake256
                         ? EVP_DigestFinalXOF(context.get(), digest.data(), shape.size) == 1
                         : EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1);
  EVP_MD_free(fetched);
  // Only a broken OpenSSL fails here, and an empty answer could equal an empty claim.
  if (!done) std::abort();
  return Base64UrlEncode(
      std::string_view(reinterpret_cast<const char*>(digest.data()), shape.size / 2));
}

}  // namespace tokenbroker::jose
