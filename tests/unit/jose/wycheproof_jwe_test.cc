// Wycheproof's vectors for JWE, where WYCHEPROOF_DIR names a directory that holds them. Every
// vector must come out as its label says, but for valid ones that use what is not taken here.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "jose/jwe.h"
#include "unit/jose/private_jwk.h"
#include "unit/jose/test_data.h"

namespace tokenbroker::jose {
namespace {

// Whether a valid vector is refused here, and why.
const char* ReasonToRefuse(int id) {
  const auto between = [&](int first, int last) { return first <= id && id <= last; };
  if (between(1, 1) || between(23, 23) || between(28, 32) || between(69, 75) || between(132, 134)) {
    return "the content key is, or is wrapped with, a shared secret (dir, A*KW, A*GCMKW)";
  }
  if (between(100, 105) || id == 112 || id == 128) return "RSA1_5 (RFC 8725 section 3.2)";
  if (id == 135) return "compressed content";
  return nullptr;
}

std::string Hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

TEST(Wycheproof, EveryJweVectorComesOutAsLabelledOrListed) {
  const Json document = LoadWycheproof("json_web_encryption_test.json");
  if (document.is_null()) GTEST_SKIP() << "WYCHEPROOF_DIR does not name Wycheproof's test vectors";
  const JwePolicy policy{
      .content_encryptions = {ContentEncryption::kA128CbcHs256, ContentEncryption::kA192CbcHs384,
                              ContentEncryption::kA256CbcHs512, ContentEncryption::kA128Gcm,
                              ContentEncryption::kA192Gcm, ContentEncryption::kA256Gcm}};
  int checked = 0;
  for (const Json& group : document["testGroups"]) {
    const Json jwk = UnpackKey(group["private"]);
    std::vector<DecryptionKey> keys;
    if (const auto algorithm = ParseKeyManagement(jwk.value("alg", ""))) {
      keys.push_back(
          *DecryptionKey::FromPem(PemFromPrivateJwk(jwk), *algorithm, jwk.value("kid", "")));
    }
    for (const Json& test : group["tests"]) {
      const int id = test["tcId"];
      const auto plaintext = DecryptJwe(test["jwe"].get<std::string>(), keys, policy);
      const char* refused = ReasonToRefuse(id);
      const bool wanted = test["result"] == "valid" && refused == nullptr;
      EXPECT_EQ(plaintext.ok(), wanted)
          << "tcId " << id << ": " << test["comment"].get<std::string>();
      if (plaintext.ok()) {
        EXPECT_EQ(Hex(plaintext->Reveal()), test["pt"].get<std::string>()) << "tcId " << id;
      }
      if (refused != nullptr) {
        EXPECT_EQ(test["result"], "valid") << "tcId " << id << " need not be listed: " << refused;
      }
      ++checked;
    }
  }
  EXPECT_EQ(checked, document["numberOfTests"].get<int>());
}

}  // namespace
}  // namespace tokenbroker::jose
