#include "jose/jwe_algorithm.h"

#include <array>

namespace tokenbroker::jose {
namespace {

struct ManagementRow {
  KeyManagement algorithm;
  std::string_view name;
  std::size_t wrapping_key_size;  // 0: nothing is wrapped with AES
};

// In the order of the enum.
constexpr std::array kManagement = {
    ManagementRow{KeyManagement::kRsaOaep, "RSA-OAEP", 0},
    ManagementRow{KeyManagement::kRsaOaep256, "RSA-OAEP-256", 0},
    ManagementRow{KeyManagement::kEcdhEs, "ECDH-ES", 0},
    ManagementRow{KeyManagement::kEcdhEsA128Kw, "ECDH-ES+A128KW", 16},
    ManagementRow{KeyManagement::kEcdhEsA192Kw, "ECDH-ES+A192KW", 24},
    ManagementRow{KeyManagement::kEcdhEsA256Kw, "ECDH-ES+A256KW", 32},
};

struct EncryptionRow {
  ContentEncryption encryption;
  std::string_view name;
  std::size_t key_size;
};

// In the order of the enum.
constexpr std::array kEncryption = {
    EncryptionRow{ContentEncryption::kA128CbcHs256, "A128CBC-HS256", 32},
    EncryptionRow{ContentEncryption::kA192CbcHs384, "A192CBC-HS384", 48},
    EncryptionRow{ContentEncryption::kA256CbcHs512, "A256CBC-HS512", 64},
    EncryptionRow{ContentEncryption::kA128Gcm, "A128GCM", 16},
    EncryptionRow{ContentEncryption::kA192Gcm, "A192GCM", 24},
    EncryptionRow{ContentEncryption::kA256Gcm, "A256GCM", 32},
};

const ManagementRow& RowOf(KeyManagement algorithm) {
  return kManagement[static_cast<std::size_t>(algorithm)];
}

const EncryptionRow& RowOf(ContentEncryption encryption) {
  return kEncryption[static_cast<std::size_t>(encryption)];
}

}  // namespace

std::optional<KeyManagement> ParseKeyManagement(std::string_view name) {
  for (const ManagementRow& row : kManagement) {
    if (row.name == name) return row.algorithm;
  }
  return std::nullopt;
}

std::optional<ContentEncryption> ParseContentEncryption(std::string_view name) {
  for (const EncryptionRow& row : kEncryption) {
    if (row.name == name) return row.encryption;
  }
  return std::nullopt;
}

std::string_view KeyManagementName(KeyManagement algorithm) { return RowOf(algorithm).name; }

std::string_view ContentEncryptionName(ContentEncryption encryption) {
  return RowOf(encryption).name;
}

bool IsRsa(KeyManagement algorithm) {
  return algorithm == KeyManagement::kRsaOaep || algorithm == KeyManagement::kRsaOaep256;
}

std::optional<std::size_t> WrappingKeySize(KeyManagement algorithm) {
  const std::size_t size = RowOf(algorithm).wrapping_key_size;
  if (size == 0) return std::nullopt;
  return size;
}

std::size_t ContentKeySize(ContentEncryption encryption) { return RowOf(encryption).key_size; }

}  // namespace tokenbroker::jose
