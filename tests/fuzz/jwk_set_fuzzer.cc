// Any text as a JWK set: bounded, and every key that is taken has what its algorithms need.
#include <openssl/err.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "jose/jwk.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tokenbroker;  // NOLINT: a fuzzer is one function
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  const auto set = jose::JwkSet::Parse(json);
  if (set.ok()) {
    if (set->keys().size() + set->skipped().size() > jose::JwkSet::kMaxKeys) std::abort();
    for (const jose::Jwk& key : set->keys()) {
      const jose::PublicKey& public_key = key.public_key();
      if (!public_key.key) std::abort();
      if (public_key.curve.has_value() == (public_key.type == jose::KeyType::kRsa)) std::abort();
      // What was read can be written and read again as the same key.
      const auto again = jose::ParsePublicKey(jose::PublicJwk(public_key));
      if (!again.ok() || again->type != public_key.type) std::abort();
    }
  }
  if (ERR_peek_error() != 0) std::abort();
  return 0;
}
