// Authenticated encryption of a JWE's content (RFC 7518 section 5), on bytes. Used by jwe.cc only.
#pragma once

#include <optional>
#include <string_view>

#include "base/secret.h"
#include "jose/jwe_algorithm.h"

namespace tokenbroker::jose {

struct EncryptedContent {
  std::string_view iv;
  std::string_view ciphertext;
  std::string_view tag;
  std::string_view associated_data;
};

// The plaintext; nothing where anything does not fit: the key's, the IV's or the tag's length, the
// tag, the padding. The padding is looked at only after the tag was found right. Thread-safe.
std::optional<Secret> DecryptContent(ContentEncryption encryption, const Secret& key,
                                     const EncryptedContent& content);

}  // namespace tokenbroker::jose
