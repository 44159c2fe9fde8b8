// A private key as it is kept in a record.
#pragma once

#include <optional>
#include <string>

#include "base/secret.h"

namespace tokenbroker::grants {

// Thread-compatible value; move-only because of the secret in it.
struct StoredKey {
  std::string algorithm;  // by its JOSE name
  Secret pem;             // PKCS #8

  // A second copy, made on purpose.
  StoredKey Copy() const { return {algorithm, pem.Copy()}; }
};

inline std::optional<StoredKey> CopyOf(const std::optional<StoredKey>& key) {
  if (!key) return std::nullopt;
  return key->Copy();
}

}  // namespace tokenbroker::grants
