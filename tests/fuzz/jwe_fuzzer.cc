// Any text as an encrypted token, with a key for each way in which a content key can come: it must
// neither crash nor leave an error in OpenSSL's queue.
#include <openssl/err.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "jose/jwe.h"
#include "jose/private_key.h"

namespace {

using namespace tokenbroker;  // NOLINT: a fuzzer is one function

// Made anew in every run: nothing here depends on which keys they are.
const std::vector<jose::DecryptionKey>& Keys() {
  static const std::vector<jose::DecryptionKey> keys = [] {
    const Secret rsa = *jose::PrivateKey::Generate(jose::Algorithm::kRS256, "")->ToPem();
    const Secret ec = *jose::PrivateKey::Generate(jose::Algorithm::kES256, "")->ToPem();
    return std::vector{*jose::DecryptionKey::FromPem(rsa, jose::KeyManagement::kRsaOaep, ""),
                       *jose::DecryptionKey::FromPem(rsa, jose::KeyManagement::kRsaOaep256, "rsa"),
                       *jose::DecryptionKey::FromPem(ec, jose::KeyManagement::kEcdhEs, ""),
                       *jose::DecryptionKey::FromPem(ec, jose::KeyManagement::kEcdhEsA128Kw, ""),
                       *jose::DecryptionKey::FromPem(ec, jose::KeyManagement::kEcdhEsA256Kw, "ec")};
  }();
  return keys;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view compact(reinterpret_cast<const char*>(data), size);
  const jose::JwePolicy policy{
      .content_encryptions = {
          jose::ContentEncryption::kA128CbcHs256, jose::ContentEncryption::kA192CbcHs384,
          jose::ContentEncryption::kA256CbcHs512, jose::ContentEncryption::kA128Gcm,
          jose::ContentEncryption::kA192Gcm, jose::ContentEncryption::kA256Gcm}};
  (void)jose::DecryptJwe(compact, Keys(), policy);
  if (ERR_peek_error() != 0) std::abort();
  return 0;
}
