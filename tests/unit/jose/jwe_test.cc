#include "jose/jwe.h"

#include <cctype>
#include <string>
#include <tuple>
#include <vector>

#include "base/base64url.h"
#include "gmock/gmock.h"
#include "jose/compact.h"
#include "jose/private_key.h"
#include "support/encrypt_jwe.h"
#include "support/signing_key.h"
#include "support/status_matchers.h"
#include "unit/jose/private_jwk.h"
#include "unit/jose/test_data.h"

namespace tokenbroker::jose {
namespace {

using ::testing::Combine;
using testing::EncryptJwe;
using testing::FailsWith;
using testing::JweChanges;
using testing::SigningKey;
using ::testing::ValuesIn;

constexpr std::string_view kPlaintext = "header.payload.signature";

const std::vector<KeyManagement> kEveryAlgorithm = {
    KeyManagement::kRsaOaep,      KeyManagement::kRsaOaep256,   KeyManagement::kEcdhEs,
    KeyManagement::kEcdhEsA128Kw, KeyManagement::kEcdhEsA192Kw, KeyManagement::kEcdhEsA256Kw};
const std::vector<ContentEncryption> kEveryEncryption = {
    ContentEncryption::kA128CbcHs256, ContentEncryption::kA192CbcHs384,
    ContentEncryption::kA256CbcHs512, ContentEncryption::kA128Gcm,
    ContentEncryption::kA192Gcm,      ContentEncryption::kA256Gcm};
const JwePolicy kAnyEncryption{.content_encryptions = kEveryEncryption};

// A signing key's PEM serves: what a key is for is not written in it.
DecryptionKey KeyFor(KeyManagement algorithm, std::string key_id = "enc",
                     Algorithm made_for = Algorithm::kES256) {
  const Algorithm type = IsRsa(algorithm) ? Algorithm::kRS256 : made_for;
  const Secret pem = *SigningKey::Shared(type, "jwe").key().ToPem();
  return *DecryptionKey::FromPem(pem, algorithm, std::move(key_id));
}

absl::StatusOr<std::string> Decrypt(std::string_view compact, const DecryptionKey& key,
                                    const JwePolicy& policy = kAnyEncryption) {
  const auto plaintext = DecryptJwe(compact, {&key, 1}, policy);
  if (!plaintext.ok()) return plaintext.status();
  return std::string(plaintext->Reveal());
}

class JweRoundTrip : public ::testing::TestWithParam<std::tuple<KeyManagement, ContentEncryption>> {
};

TEST_P(JweRoundTrip, DecryptsWhatWasEncrypted) {
  const auto& [algorithm, encryption] = GetParam();
  const DecryptionKey key = KeyFor(algorithm);
  for (const std::string& plaintext :
       {std::string(kPlaintext), std::string(), std::string(32, 'x'), std::string(100000, 'y')}) {
    EXPECT_THAT(Decrypt(EncryptJwe(plaintext, key, encryption), key),
                testing::IsOkAndHolds(plaintext));
  }
}

// Every part and every length of it, one change at a time.
TEST_P(JweRoundTrip, RefusesEveryChangedPart) {
  const auto& [algorithm, encryption] = GetParam();
  const DecryptionKey key = KeyFor(algorithm);
  const std::string compact = EncryptJwe(kPlaintext, key, encryption);
  ASSERT_OK_AND_ASSIGN(const auto parts, SplitCompact(compact, kJweParts));
  for (std::size_t changed = 1; changed < parts.size(); ++changed) {
    const std::string good = *Base64UrlDecode(parts[changed]);
    std::vector<std::string> spoiled = {good + 'x'};
    if (!good.empty()) {
      spoiled.insert(spoiled.end(),
                     {"", good + good, good.substr(1), good.substr(0, good.size() - 1),
                      static_cast<char>(good[0] ^ 1) + good.substr(1)});
    }
    for (const std::string& bytes : spoiled) {
      std::string token;
      for (std::size_t i = 0; i < parts.size(); ++i) {
        token +=
            (i == 0 ? "" : ".") + (i == changed ? Base64UrlEncode(bytes) : std::string(parts[i]));
      }
      EXPECT_THAT(Decrypt(token, key), FailsWith(Reason::kDecryptionFailed)) << "part " << changed;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Jwe, JweRoundTrip,
                         Combine(ValuesIn(kEveryAlgorithm), ValuesIn(kEveryEncryption)),
                         [](const auto& instance) {
                           std::string name(KeyManagementName(std::get<0>(instance.param)));
                           name += ContentEncryptionName(std::get<1>(instance.param));
                           std::erase_if(name, [](char c) {
                             return !std::isalnum(static_cast<unsigned char>(c));
                           });
                           return name;
                         });

// RFC 8017 section 7.1.2: the ciphertext is as long as the modulus, whatever number it is.
TEST(Jwe, RefusesAnRsaCiphertextWithoutItsLeadingZero) {
  const DecryptionKey key = KeyFor(KeyManagement::kRsaOaep256);
  std::string encrypted_key;
  std::string compact;
  while (encrypted_key.empty() || encrypted_key[0] != '\0') {
    compact = EncryptJwe(kPlaintext, key, ContentEncryption::kA128Gcm);
    encrypted_key = *Base64UrlDecode((*SplitCompact(compact, kJweParts))[1]);
  }
  EXPECT_THAT(Decrypt(compact, key), testing::IsOkAndHolds(std::string(kPlaintext)));
  const std::string whole = Base64UrlEncode(encrypted_key);
  compact.replace(compact.find(whole), whole.size(), Base64UrlEncode(encrypted_key.substr(1)));
  EXPECT_THAT(Decrypt(compact, key), FailsWith(Reason::kDecryptionFailed));
}

// RFC 7516 section 5.2 step 2 with RFC 4648 section 3.5: a part that has a second spelling would be
// a second token of the same content.
TEST(Jwe, RefusesUnusedBitsInEveryPart) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const DecryptionKey key = KeyFor(KeyManagement::kRsaOaep256);
  std::size_t spoiled = 0;
  for (const ContentEncryption encryption :
       {ContentEncryption::kA128CbcHs256, ContentEncryption::kA128Gcm}) {
    // Lengths that leave bits over: all but whole groups of three bytes.
    for (const std::size_t size : {1U, 2U}) {
      const std::string compact = EncryptJwe(std::string(size, 'x'), key, encryption);
      ASSERT_OK_AND_ASSIGN(const auto parts, SplitCompact(compact, kJweParts));
      for (const std::string_view part : parts) {
        if (part.size() % 4 == 0) continue;
        std::string token = compact;
        char& last =
            token[static_cast<std::size_t>(part.data() + part.size() - 1 - compact.data())];
        last = kAlphabet[kAlphabet.find(last) + 1];
        EXPECT_THAT(Decrypt(token, key), FailsWith(Reason::kJwtMalformed));
        ++spoiled;
      }
    }
  }
  EXPECT_GE(spoiled, 8U);
}

TEST(Jwe, DecryptsTheExamplesOfTheRfcs) {
  const Json data = LoadTestData("rfc_jwe_examples_test_only.json");
  for (const Json& example : data["examples"]) {
    const auto algorithm = ParseKeyManagement(example["alg"].get<std::string>());
    ASSERT_OK_AND_ASSIGN(const DecryptionKey key,
                         DecryptionKey::FromPem(PemFromPrivateJwk(example["key"]), *algorithm,
                                                example["key"].value("kid", "")));
    EXPECT_THAT(Decrypt(example["jwe"].get<std::string>(), key),
                testing::IsOkAndHolds(example["plaintext"].get<std::string>()))
        << example["source"];
  }
}

TEST(Jwe, DecryptsOnEveryCurve) {
  for (const Algorithm curve : {Algorithm::kES256, Algorithm::kES384, Algorithm::kES512}) {
    const DecryptionKey key = KeyFor(KeyManagement::kEcdhEs, "enc", curve);
    EXPECT_OK(Decrypt(EncryptJwe(kPlaintext, key, ContentEncryption::kA128Gcm), key));
  }
}

struct Row {
  const char* name;
  JweChanges changes;
  Reason reason;
};

// Tokens whose content is sealed with the header as it is changed here.
void ExpectRefused(KeyManagement algorithm, const std::vector<Row>& rows) {
  const DecryptionKey key = KeyFor(algorithm);
  for (const Row& row : rows) {
    EXPECT_THAT(Decrypt(EncryptJwe(kPlaintext, key, ContentEncryption::kA128Gcm, row.changes), key),
                FailsWith(row.reason))
        << row.name;
  }
}

TEST(Jwe, RefusesHeadersThatAreNotTaken) {
  ExpectRefused(
      KeyManagement::kRsaOaep256,
      {{"RSA1_5 (RFC 8725 3.2)", {.header = {{"alg", "RSA1_5"}}}, Reason::kAlgorithmNotAllowed},
       {"dir", {.header = {{"alg", "dir"}}}, Reason::kAlgorithmNotAllowed},
       {"password", {.header = {{"alg", "PBES2-HS256+A128KW"}}}, Reason::kAlgorithmNotAllowed},
       {"a signature's alg", {.header = {{"alg", "RS256"}}}, Reason::kAlgorithmNotAllowed},
       {"alg missing", {.header = {{"alg", nullptr}}}, Reason::kJwtMalformed},
       {"enc missing", {.header = {{"enc", nullptr}}}, Reason::kJwtMalformed},
       {"enc number", {.header = {{"enc", 1}}}, Reason::kJwtMalformed},
       {"enc unknown", {.header = {{"enc", "A128CTR"}}}, Reason::kAlgorithmNotAllowed},
       {"zip (RFC 8725bis 3.15)", {.header = {{"zip", "DEF"}}}, Reason::kAlgorithmNotAllowed},
       {"crit", {.header = {{"crit", {"zip"}}}}, Reason::kCriticalHeaderUnknown},
       {"kid of no key", {.header = {{"kid", "other"}}}, Reason::kKeyNotFound},
       {"kid number", {.header = {{"kid", 1}}}, Reason::kJwtMalformed},
       {"alg of another key", {.header = {{"alg", "RSA-OAEP"}}}, Reason::kKeyNotFound},
       {"enc of another key size", {.header = {{"enc", "A256GCM"}}}, Reason::kDecryptionFailed}});
}

TEST(Jwe, RefusesContentKeysOfAnotherSize) {
  for (const KeyManagement algorithm :
       {KeyManagement::kRsaOaep, KeyManagement::kRsaOaep256, KeyManagement::kEcdhEsA128Kw,
        KeyManagement::kEcdhEsA256Kw}) {
    std::vector<Row> rows;
    for (const std::size_t size : {0, 8, 24, 32, 64, 128}) {
      // AES key wrap takes 16 bytes and more.
      if (!IsRsa(algorithm) && size < 16) continue;
      rows.push_back(
          {"another size", {.content_key = std::string(size, 'k')}, Reason::kDecryptionFailed});
    }
    rows.push_back({"of zeros, but not the one that sealed",
                    {.content_key = std::string(16, '\0')},
                    Reason::kDecryptionFailed});
    rows.push_back(
        {"overlong", {.encrypted_key = std::string(100000, 'k')}, Reason::kDecryptionFailed});
    ExpectRefused(algorithm, rows);
  }
}

// RFC 7518 section 4.6: ECDH-ES alone carries no key.
TEST(Jwe, RefusesAnEncryptedKeyWhereNoneBelongs) {
  ExpectRefused(KeyManagement::kEcdhEs,
                {{"encrypted key", {.encrypted_key = "x"}, Reason::kDecryptionFailed}});
}

TEST(Jwe, RefusesEphemeralKeysThatWouldLeakTheStaticOne) {
  const DecryptionKey key = KeyFor(KeyManagement::kEcdhEs);
  const Json own = PublicJwk(key.key());
  const auto changed = [&](const char* name, const Json& value) {
    Json epk = own;
    epk[name] = value;
    return JweChanges{.header = {{"epk", epk}}};
  };
  const Json other_curve = SigningKey::Shared(Algorithm::kES384, "k").Jwk();
  ExpectRefused(
      KeyManagement::kEcdhEs,
      {{"off the curve (Wycheproof JWE 51)", changed("x", own["y"]), Reason::kJwtMalformed},
       {"at infinity", changed("x", ""), Reason::kJwtMalformed},
       {"missing", {.header = {{"epk", nullptr}}}, Reason::kJwtMalformed},
       {"a string", {.header = {{"epk", "x"}}}, Reason::kJwtMalformed},
       {"of another curve", {.header = {{"epk", other_curve}}}, Reason::kDecryptionFailed},
       {"of another type",
        {.header = {{"epk", SigningKey::Shared(Algorithm::kEdDSA, "k").Jwk()}}},
        Reason::kDecryptionFailed},
       {"apu that is not base64url", {.header = {{"apu", "!"}}}, Reason::kJwtMalformed},
       {"apu that the sender did not use",
        {.header = {{"apu", "AAAA"}}},
        Reason::kDecryptionFailed}});
}

TEST(Jwe, RefusesOtherSerialisations) {
  const DecryptionKey key = KeyFor(KeyManagement::kEcdhEs);
  const std::string good = EncryptJwe(kPlaintext, key, ContentEncryption::kA128Gcm);
  for (const std::string& bad :
       {std::string(), std::string("a.b.c"), good + ".", good + "=", " " + good,
        std::string("....."), std::string(R"({"protected":"e30"})"),
        SigningKey::Shared(Algorithm::kES256, "k").Sign({})}) {
    EXPECT_THAT(Decrypt(bad, key), FailsWith(Reason::kJwtMalformed)) << bad;
  }
}

TEST(Jwe, TakesOnlyTheEncryptionOfThePolicy) {
  const DecryptionKey key = KeyFor(KeyManagement::kEcdhEs);
  const std::string token = EncryptJwe(kPlaintext, key, ContentEncryption::kA128Gcm);
  EXPECT_THAT(Decrypt(token, key, {.content_encryptions = {ContentEncryption::kA256Gcm}}),
              FailsWith(Reason::kAlgorithmNotAllowed));
  EXPECT_THAT(Decrypt(token, key, JwePolicy{}), FailsWith(Reason::kAlgorithmNotAllowed));
}

TEST(Jwe, ChoosesTheKeyByNameAndAlgorithm) {
  const DecryptionKey used = KeyFor(KeyManagement::kEcdhEs, "new");
  const std::vector<DecryptionKey> keys = {KeyFor(KeyManagement::kRsaOaep, "new"),
                                           KeyFor(KeyManagement::kEcdhEs, "old", Algorithm::kES384),
                                           KeyFor(KeyManagement::kEcdhEs, "new", Algorithm::kES512),
                                           used};
  const std::string named = EncryptJwe(kPlaintext, used, ContentEncryption::kA128Gcm);
  EXPECT_OK(DecryptJwe(named, keys, kAnyEncryption));
  const std::string unnamed =
      EncryptJwe(kPlaintext, used, ContentEncryption::kA128Gcm, {.header = {{"kid", nullptr}}});
  EXPECT_OK(DecryptJwe(unnamed, keys, kAnyEncryption));
  EXPECT_THAT(DecryptJwe(named, {}, kAnyEncryption), FailsWith(Reason::kKeyNotFound));
}

TEST(DecryptionKey, IsOfTheTypeOfItsAlgorithm) {
  const auto pem_of = [](Algorithm type) { return *SigningKey::Shared(type, "jwe").key().ToPem(); };
  EXPECT_THAT(DecryptionKey::FromPem(pem_of(Algorithm::kES256), KeyManagement::kRsaOaep, ""),
              FailsWith(Reason::kInvalidRequest));
  EXPECT_THAT(DecryptionKey::FromPem(pem_of(Algorithm::kRS256), KeyManagement::kEcdhEs, ""),
              FailsWith(Reason::kInvalidRequest));
  EXPECT_THAT(DecryptionKey::FromPem(pem_of(Algorithm::kEdDSA), KeyManagement::kEcdhEs, ""),
              FailsWith(Reason::kInvalidRequest));
  EXPECT_THAT(DecryptionKey::FromPem(Secret("x"), KeyManagement::kEcdhEs, ""),
              FailsWith(Reason::kInvalidRequest));
  const Json jwk = KeyFor(KeyManagement::kEcdhEsA128Kw).PublicJwk();
  EXPECT_EQ(jwk["alg"], "ECDH-ES+A128KW");
  EXPECT_EQ(jwk["use"], "enc");
  EXPECT_EQ(jwk["kid"], "enc");
  EXPECT_FALSE(jwk.contains("d"));
}

}  // namespace
}  // namespace tokenbroker::jose
