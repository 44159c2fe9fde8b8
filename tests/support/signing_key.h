// An issuer's key for tests, which can also sign what no honest issuer would.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "jose/jwk.h"
#include "jose/private_key.h"

namespace tokenbroker::testing {

//   const SigningKey key = SigningKey::Generate(jose::Algorithm::kRS256, "key-1");
//   const std::string id_token = key.Sign({{"iss", "https://op.example"}, {"sub", "alice"}});
//   const std::string unsigned_token = key.SignWithHeader({{"alg", "none"}}, claims);
//
// Thread-safe. Crashes where a key cannot be made.
class SigningKey {
 public:
  // A key that no other call returns.
  static SigningKey Generate(jose::Algorithm algorithm, std::string key_id);
  // The key that every call with the same arguments returns: RSA keys are slow to make.
  static SigningKey Shared(jose::Algorithm algorithm, std::string key_id);
  // From a key at hand, say one of an RFC's examples.
  explicit SigningKey(jose::PrivateKey key) : key_(std::move(key)) {}

  const jose::PrivateKey& key() const { return key_; }
  // The public JWK, with `kid`, `alg` and `use`.
  Json Jwk() const { return key_.PublicJwk(); }
  // A set with this key alone.
  jose::JwkSet Set() const;

  // A good token: `alg`, `kid` and `typ` JWT in the header, `claims` as the payload.
  std::string Sign(const Json& claims) const;
  // `changes` is laid over that header, a null takes a member away; the signature is the key's own
  // whatever the header then says.
  std::string SignWithHeader(const Json& changes, const Json& claims) const;
  // The same with the payload's bytes as they are given.
  std::string SignBytes(const Json& changes, std::string_view payload) const;
  // Header text and payload as they are given, malformed or not.
  std::string SignText(std::string_view header, std::string_view payload) const;

 private:
  jose::PrivateKey key_;
};

// A JWK set as an issuer serves it.
std::string JwkSetText(const std::vector<Json>& keys);
jose::JwkSet MakeJwkSet(const std::vector<Json>& keys);

// `compact` with every byte of its signature changed (XOR 0x5A), as the OpenID Foundation's tests
// do.
std::string WithBrokenSignature(std::string_view compact);

}  // namespace tokenbroker::testing
