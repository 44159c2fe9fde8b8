// Encrypted tokens for tests, also such as no honest sender would make.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "jose/jwe.h"

namespace tokenbroker::testing {

struct JweChanges {
  Json header = Json::object();              // laid over the header; a null takes a member away
  std::optional<std::string> content_key;    // encrypted to the recipient in place of the one used
  std::optional<std::string> encrypted_key;  // bytes in place of the encrypted content key
};

// A compact JWE of `plaintext` that `recipient` decrypts with its algorithm, `encryption` and,
// unless `changes` spoils it, success. Crashes where OpenSSL fails.
std::string EncryptJwe(std::string_view plaintext, const jose::DecryptionKey& recipient,
                       jose::ContentEncryption encryption, const JweChanges& changes = {});

}  // namespace tokenbroker::testing
