// The encryption algorithms of JOSE that are taken here (RFC 7518 sections 4 and 5).
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace tokenbroker::jose {

// `alg` of a JWE: how the content key reaches the one who decrypts. RSA1_5 is not here: it cannot
// be used without telling an attacker about the padding. Nor are `dir` and other shared secrets.
enum class KeyManagement {
  kRsaOaep,
  kRsaOaep256,
  kEcdhEs,
  kEcdhEsA128Kw,
  kEcdhEsA192Kw,
  kEcdhEsA256Kw,
};

// `enc` of a JWE: all of RFC 7518 section 5.1.
enum class ContentEncryption {
  kA128CbcHs256,
  kA192CbcHs384,
  kA256CbcHs512,
  kA128Gcm,
  kA192Gcm,
  kA256Gcm,
};

// Exact, case-sensitive; nothing for every other name.
std::optional<KeyManagement> ParseKeyManagement(std::string_view name);
std::optional<ContentEncryption> ParseContentEncryption(std::string_view name);

std::string_view KeyManagementName(KeyManagement algorithm);
std::string_view ContentEncryptionName(ContentEncryption encryption);

// RSA-OAEP and RSA-OAEP-256; the others agree on a key by elliptic curves.
bool IsRsa(KeyManagement algorithm);

// Bytes of the AES key that wraps the content key; nothing where none does.
std::optional<std::size_t> WrappingKeySize(KeyManagement algorithm);

// Bytes of the content key.
std::size_t ContentKeySize(ContentEncryption encryption);

}  // namespace tokenbroker::jose
