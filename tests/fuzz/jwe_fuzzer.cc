// Any text as an encrypted token: it must neither crash nor leave an error in OpenSSL's queue.
//
// What begins as a token does is taken as one. Of anything else the first byte picks a key and an
// encryption, and the rest is a header's changes and, after the first line end, a plaintext, which
// are encrypted as an honest sender would: that reaches what lies behind a tag that fits.
#include <openssl/err.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jose/jwe.h"
#include "support/encrypt_jwe.h"
#include "unit/jose/private_jwk.h"
#include "unit/jose/test_data.h"

namespace {

using namespace tokenbroker;  // NOLINT: a fuzzer is one function

using jose::ContentEncryption;
using jose::KeyManagement;

const std::vector<ContentEncryption>& Encryptions() {
  static const std::vector encryptions = {
      ContentEncryption::kA128CbcHs256, ContentEncryption::kA192CbcHs384,
      ContentEncryption::kA256CbcHs512, ContentEncryption::kA128Gcm,
      ContentEncryption::kA192Gcm,      ContentEncryption::kA256Gcm};
  return encryptions;
}

// The keys of the RFCs' examples, so that those decrypt, each for every algorithm of its type.
const std::vector<jose::DecryptionKey>& Keys() {
  static const std::vector<jose::DecryptionKey> keys = [] {
    std::vector<jose::DecryptionKey> made;
    const auto add = [&](const Json& jwk, const std::vector<KeyManagement>& algorithms) {
      for (const KeyManagement algorithm : algorithms) {
        made.push_back(*jose::DecryptionKey::FromPem(jose::PemFromPrivateJwk(jwk), algorithm,
                                                     jwk.value("kid", "")));
      }
    };
    const Json data = jose::LoadTestData("rfc_jwe_examples_test_only.json");
    for (const Json& example : data["examples"]) {
      const Json& jwk = example["key"];
      if (jwk["kty"] == "RSA") {
        add(jwk, {KeyManagement::kRsaOaep, KeyManagement::kRsaOaep256});
      } else {
        add(jwk, {KeyManagement::kEcdhEs, KeyManagement::kEcdhEsA128Kw,
                  KeyManagement::kEcdhEsA192Kw, KeyManagement::kEcdhEsA256Kw});
      }
    }
    return made;
  }();
  return keys;
}

const jose::JwePolicy& Policy() {
  static const jose::JwePolicy policy{.content_encryptions = Encryptions()};
  return policy;
}

void DecryptSealed(unsigned selector, std::string_view text) {
  const jose::DecryptionKey& recipient = Keys()[selector % Keys().size()];
  const ContentEncryption encryption =
      Encryptions()[selector / Keys().size() % Encryptions().size()];
  const std::string_view changes = text.substr(0, text.find('\n'));
  const std::string_view plaintext = text.substr(std::min(text.size(), changes.size() + 1));
  const auto header = ParseJsonObject(changes);
  const std::string compact = testing::EncryptJwe(
      plaintext, recipient, encryption, {.header = header.ok() ? *header : Json::object()});
  const auto decrypted = jose::DecryptJwe(compact, Keys(), Policy());
  if (decrypted.ok() && decrypted->Reveal() != plaintext) std::abort();
  if (!decrypted.ok() && !(header.ok() && !header->empty())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.starts_with("eyJ")) {
    (void)jose::DecryptJwe(text, Keys(), Policy());
  } else {
    DecryptSealed(data[0], text.substr(1));
  }
  if (ERR_peek_error() != 0) std::abort();
  return 0;
}
