#include "jose/jwk.h"

#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "base/base64url.h"
#include "gmock/gmock.h"
#include "jose/openssl.h"
#include "support/signing_key.h"
#include "support/status_matchers.h"
#include "unit/jose/test_data.h"

namespace tokenbroker::jose {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::SigningKey;

Json RsaJwk() { return SigningKey::Shared(Algorithm::kRS256, "rsa").Jwk(); }
Json EcJwk() { return SigningKey::Shared(Algorithm::kES256, "ec").Jwk(); }
Json OkpJwk() { return SigningKey::Shared(Algorithm::kEdDSA, "okp").Jwk(); }

// `jwk` with members replaced, or removed where the change is null.
Json With(Json jwk, const Json& changes) {
  jwk.merge_patch(changes);
  return jwk;
}

// A member null, which merge_patch would take away.
Json WithNull(Json jwk, const char* name) {
  jwk[name] = nullptr;
  return jwk;
}

std::string Number(std::size_t bytes, char first, char last) {
  std::string number(bytes, '\x5a');
  number.front() = first;
  number.back() = last;
  return Base64UrlEncode(number);
}

// The example of RFC 7517 appendix B.
Json CertifiedJwk() { return LoadTestData("rfc7517_x5c_key.json"); }

struct Row {
  const char* name;
  Json jwk;
};

void PrintTo(const Row& row, std::ostream* os) { *os << row.name; }

class AcceptedJwk : public ::testing::TestWithParam<Row> {};
TEST_P(AcceptedJwk, Parses) { EXPECT_OK(Jwk::Parse(GetParam().jwk)); }

INSTANTIATE_TEST_SUITE_P(
    Jwk, AcceptedJwk,
    ::testing::Values(
        Row{"RSA", RsaJwk()}, Row{"EC", EcJwk()}, Row{"OKP", OkpJwk()},
        Row{"RSA and PS256", With(RsaJwk(), {{"alg", "PS256"}})},
        Row{"no kid, no alg, no use",
            With(RsaJwk(), {{"kid", nullptr}, {"alg", nullptr}, {"use", nullptr}})},
        Row{"unknown members (RFC 7517 4)", With(RsaJwk(), {{"foo", {1, 2}}})},
        Row{"key_ops with verify", With(EcJwk(), {{"key_ops", {"verify"}}})},
        Row{"the name of RFC 9864", With(OkpJwk(), {{"alg", "Ed25519"}})},
        Row{"a leading zero octet in n",
            With(RsaJwk(),
                 {{"n",
                   Base64UrlEncode('\0' + *Base64UrlDecode(RsaJwk()["n"].get<std::string>()))}})},
        Row{"an exponent of 3", With(RsaJwk(), {{"e", "Aw"}})},
        Row{"x5c with its own certificate (RFC 7517 4.7)", CertifiedJwk()},
        Row{"x5t of its own certificate",
            With(CertifiedJwk(), {{"x5t", "4pNenEBLv0JpLIdugWxQkOsZcK0"}})},
        Row{"x5u is not fetched", With(RsaJwk(), {{"x5u", "http://127.0.0.1:1/"}})}));

// RFC 7518 section 6.2.1.2: what is written has the curve's length, whatever number it is; RFC 7638
// gives another thumbprint otherwise.
TEST(PublicJwk, WritesLeadingZerosOfCoordinates) {
  for (const char* name : {"x", "y"}) {
    Json jwk;
    PublicKey key;
    do {
      key = *Classify(SharePkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")));
      jwk = PublicJwk(key);
    } while (Base64UrlDecode(jwk[name].get<std::string>())->front() != '\0');
    EXPECT_EQ(jwk[name].get<std::string>().size(), 43U);
    ASSERT_OK_AND_ASSIGN(const PublicKey read, ParsePublicKey(jwk));
    EXPECT_EQ(EVP_PKEY_eq(read.key.get(), key.key.get()), 1);
    const Json without = With(
        jwk, {{name, Base64UrlEncode(Base64UrlDecode(jwk[name].get<std::string>())->substr(1))}});
    EXPECT_FALSE(ParsePublicKey(without).ok());
  }
}

struct RefusedRow {
  const char* name;
  const char* fault;
  Json jwk;
};

void PrintTo(const RefusedRow& row, std::ostream* os) { *os << row.name; }

class RefusedJwk : public ::testing::TestWithParam<RefusedRow> {};
TEST_P(RefusedJwk, DoesNotParse) {
  const auto parsed = Jwk::Parse(GetParam().jwk);
  EXPECT_THAT(parsed, FailsWith(Reason::kProviderResponseInvalid));
  EXPECT_EQ(parsed.status().message(), GetParam().fault);
}

INSTANTIATE_TEST_SUITE_P(
    Form, RefusedJwk,
    ::testing::Values(
        RefusedRow{"array", "The key is not an object.", Json::array()},
        RefusedRow{"empty object", "A required member is missing or not a string.", Json::object()},
        RefusedRow{"no kty (RFC 7517 4.1)", "A required member is missing or not a string.",
                   With(RsaJwk(), {{"kty", nullptr}})},
        RefusedRow{"kty of another type of key", "A required member is missing or not a string.",
                   With(EcJwk(), {{"kty", "RSA"}})},
        RefusedRow{"kty in lower case", "The key type is not supported.",
                   With(RsaJwk(), {{"kty", "rsa"}})},
        RefusedRow{"kty unknown", "The key type is not supported.",
                   With(RsaJwk(), {{"kty", "AKP"}})},
        RefusedRow{"kty number", "A required member is missing or not a string.",
                   With(RsaJwk(), {{"kty", 1}})},
        RefusedRow{"kid number", "kid is not a string.", With(RsaJwk(), {{"kid", 1}})},
        RefusedRow{"kid null", "kid is not a string.", WithNull(RsaJwk(), "kid")},
        RefusedRow{"oct: a secret that everybody can read",
                   "The key holds a private or secret member.",
                   {{"kty", "oct"}, {"k", Number(32, 1, 1)}, {"alg", "HS256"}}},
        RefusedRow{"oct with an empty secret",
                   "The key holds a private or secret member.",
                   {{"kty", "oct"}, {"k", ""}, {"alg", "HS256"}}},
        RefusedRow{"a published private key", "The key holds a private or secret member.",
                   With(EcJwk(), {{"d", Number(32, 1, 1)}})}));

INSTANTIATE_TEST_SUITE_P(
    Use, RefusedJwk,
    ::testing::Values(
        RefusedRow{"use enc (RFC 7517 4.2)", "The key is not for signatures (use).",
                   With(RsaJwk(), {{"use", "enc"}})},
        RefusedRow{"use empty", "The key is not for signatures (use).",
                   With(RsaJwk(), {{"use", ""}})},
        RefusedRow{"use null", "The key is not for signatures (use).", WithNull(RsaJwk(), "use")},
        RefusedRow{"key_ops encrypt (RFC 7517 4.3)",
                   "The key is not for verifying signatures (key_ops).",
                   With(RsaJwk(), {{"key_ops", {"encrypt"}}})},
        RefusedRow{"key_ops sign alone", "The key is not for verifying signatures (key_ops).",
                   With(RsaJwk(), {{"key_ops", {"sign"}}})},
        RefusedRow{"key_ops empty", "The key is not for verifying signatures (key_ops).",
                   With(RsaJwk(), {{"key_ops", Json::array()}})},
        RefusedRow{"key_ops a string", "key_ops is not an array.",
                   With(RsaJwk(), {{"key_ops", "verify"}})},
        RefusedRow{"key_ops with a value twice",
                   "key_ops holds a value twice or one that is no string.",
                   With(RsaJwk(), {{"key_ops", {"verify", "verify"}}})},
        RefusedRow{"key_ops with a number", "key_ops holds a value twice or one that is no string.",
                   With(RsaJwk(), {{"key_ops", {"verify", 1}}})},
        RefusedRow{"alg of encryption", "alg is not a signature algorithm of this type of key.",
                   With(RsaJwk(), {{"alg", "RSA-OAEP"}})},
        RefusedRow{"alg none", "alg is not a signature algorithm of this type of key.",
                   With(RsaJwk(), {{"alg", "none"}})},
        RefusedRow{"alg HS256 on a public key",
                   "alg is not a signature algorithm of this type of key.",
                   With(RsaJwk(), {{"alg", "HS256"}})},
        RefusedRow{"alg of another type", "alg is not a signature algorithm of this type of key.",
                   With(RsaJwk(), {{"alg", "ES256"}})},
        RefusedRow{"alg of another curve", "alg is not a signature algorithm of this type of key.",
                   With(EcJwk(), {{"alg", "ES384"}})},
        RefusedRow{"alg of another Edwards curve",
                   "alg is not a signature algorithm of this type of key.",
                   With(OkpJwk(), {{"alg", "Ed448"}})},
        RefusedRow{"alg that does not exist (Wycheproof JWK 19)",
                   "alg is not a signature algorithm of this type of key.",
                   With(EcJwk(), {{"alg", "ES521"}})},
        RefusedRow{"alg number", "alg is not a string.", With(RsaJwk(), {{"alg", 256}})},
        RefusedRow{"alg null", "alg is not a string.", WithNull(RsaJwk(), "alg")}));

INSTANTIATE_TEST_SUITE_P(
    Rsa, RefusedJwk,
    ::testing::Values(
        RefusedRow{"512 bits (RFC 7518 3.3)", "The RSA modulus is shorter than 2048 bits.",
                   With(RsaJwk(), {{"n", Number(64, '\x80', 1)}})},
        RefusedRow{"2047 bits", "The RSA modulus is shorter than 2048 bits.",
                   With(RsaJwk(), {{"n", Number(256, '\x7f', 1)}})},
        RefusedRow{"16385 bits", "The RSA modulus is longer than 16384 bits.",
                   With(RsaJwk(), {{"n", Number(2049, 1, 1)}})},
        RefusedRow{"65536 bits", "The RSA modulus is longer than 16384 bits.",
                   With(RsaJwk(), {{"n", Number(8192, '\x80', 1)}})},
        RefusedRow{"even modulus", "The RSA modulus is even.",
                   With(RsaJwk(), {{"n", Number(256, '\x80', 2)}})},
        RefusedRow{"modulus empty", "The RSA modulus is shorter than 2048 bits.",
                   With(RsaJwk(), {{"n", ""}})},
        RefusedRow{"modulus missing", "A required member is missing or not a string.",
                   With(RsaJwk(), {{"n", nullptr}})},
        RefusedRow{"modulus number", "A required member is missing or not a string.",
                   With(RsaJwk(), {{"n", 65537}})},
        RefusedRow{"modulus with padding", "A member is not base64url.",
                   With(RsaJwk(), {{"n", Number(256, '\x80', 1) + "=="}})},
        RefusedRow{"modulus in standard base64", "A member is not base64url.",
                   With(RsaJwk(), {{"n", "++++" + Number(256, '\x80', 1)}})},
        RefusedRow{"exponent missing", "A required member is missing or not a string.",
                   With(RsaJwk(), {{"e", nullptr}})},
        RefusedRow{"exponent empty", "The RSA exponent is even or 1.", With(RsaJwk(), {{"e", ""}})},
        RefusedRow{"exponent 0", "The RSA exponent is even or 1.", With(RsaJwk(), {{"e", "AA"}})},
        RefusedRow{"exponent 1 (Wycheproof JWK 9)", "The RSA exponent is even or 1.",
                   With(RsaJwk(), {{"e", "AQ"}})},
        RefusedRow{"exponent 2", "The RSA exponent is even or 1.", With(RsaJwk(), {{"e", "Ag"}})},
        RefusedRow{"exponent of 65 bits", "The RSA exponent is longer than 64 bits.",
                   With(RsaJwk(), {{"e", Number(9, 1, 1)}})},
        RefusedRow{"exponent longer than the modulus", "The RSA exponent is longer than 64 bits.",
                   With(RsaJwk(), {{"e", Number(4096, 1, 1)}})}));

std::string Short(const Json& jwk, const char* name) {
  return Base64UrlEncode(Base64UrlDecode(jwk[name].get<std::string>())->substr(1));
}

INSTANTIATE_TEST_SUITE_P(
    Ec, RefusedJwk,
    ::testing::Values(
        RefusedRow{"a coordinate with an octet less (RFC 7518 6.2.1.2)",
                   "A coordinate has the wrong length.",
                   With(EcJwk(), {{"x", Short(EcJwk(), "x")}})},
        RefusedRow{
            "a coordinate with a leading zero more", "A coordinate has the wrong length.",
            With(EcJwk(),
                 {{"x",
                   Base64UrlEncode('\0' + *Base64UrlDecode(EcJwk()["x"].get<std::string>()))}})},
        RefusedRow{"a point off the curve", "The point is not on the curve.",
                   With(EcJwk(), {{"x", EcJwk()["y"]}, {"y", EcJwk()["x"]}})},
        RefusedRow{"the point (0, 0)", "The point is not on the curve.",
                   With(EcJwk(), {{"x", Base64UrlEncode(std::string(32, '\0'))},
                                  {"y", Base64UrlEncode(std::string(32, '\0'))}})},
        RefusedRow{"a coordinate above the field's prime", "The point is not on the curve.",
                   With(EcJwk(), {{"x", Base64UrlEncode(std::string(32, '\xff'))}})},
        RefusedRow{"y missing", "A required member is missing or not a string.",
                   With(EcJwk(), {{"y", nullptr}})},
        RefusedRow{"crv missing", "A required member is missing or not a string.",
                   With(EcJwk(), {{"crv", nullptr}})},
        RefusedRow{"another crv than the point's", "A coordinate has the wrong length.",
                   With(EcJwk(), {{"crv", "P-384"}, {"alg", nullptr}})},
        RefusedRow{"secp256k1", "The curve is not supported.",
                   With(EcJwk(), {{"crv", "secp256k1"}, {"alg", nullptr}})},
        RefusedRow{"an Edwards curve in EC", "The curve is not supported.",
                   With(EcJwk(), {{"crv", "Ed25519"}, {"alg", nullptr}})}));

std::string LittleEndian(std::size_t size, unsigned char first, char fill, unsigned char last) {
  std::string bytes(size, fill);
  bytes.front() = static_cast<char>(first);
  bytes.back() = static_cast<char>(last);
  return Base64UrlEncode(bytes);
}

Json Ed25519(const std::string& x) { return {{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", x}}; }
Json Ed448(const std::string& x) { return {{"kty", "OKP"}, {"crv", "Ed448"}, {"x", x}}; }

INSTANTIATE_TEST_SUITE_P(
    Okp, RefusedJwk,
    ::testing::Values(
        RefusedRow{"an octet less", "A coordinate has the wrong length.",
                   With(OkpJwk(), {{"x", Short(OkpJwk(), "x")}})},
        RefusedRow{"x missing", "A required member is missing or not a string.",
                   With(OkpJwk(), {{"x", nullptr}})},
        RefusedRow{"X25519 signs nothing", "The curve is not supported.",
                   With(OkpJwk(), {{"crv", "X25519"}, {"alg", nullptr}})},
        RefusedRow{"a NIST curve in OKP", "The curve is not supported.",
                   With(OkpJwk(), {{"crv", "P-256"}, {"alg", nullptr}})},
        RefusedRow{"small order: y = 0", "The public key is a point of small order.",
                   Ed25519(LittleEndian(32, 0, 0, 0))},
        RefusedRow{"small order: y = 0, other sign", "The public key is a point of small order.",
                   Ed25519(LittleEndian(32, 0, 0, 0x80))},
        RefusedRow{"small order: y = 1", "The public key is a point of small order.",
                   Ed25519(LittleEndian(32, 1, 0, 0))},
        RefusedRow{"small order: y = p - 1", "The public key is a point of small order.",
                   Ed25519(LittleEndian(32, 0xec, '\xff', 0x7f))},
        RefusedRow{"small order: y = p", "The public key is a point of small order.",
                   Ed25519(LittleEndian(32, 0xed, '\xff', 0x7f))},
        RefusedRow{"small order: y = p + 1", "The public key is a point of small order.",
                   Ed25519(LittleEndian(32, 0xee, '\xff', 0xff))},
        RefusedRow{"small order: of order 8", "The public key is a point of small order.",
                   Ed25519("JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU")},
        RefusedRow{"small order: the other of order 8", "The public key is a point of small order.",
                   Ed25519("xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o")},
        RefusedRow{"small order on Ed448: y = 0", "The public key is a point of small order.",
                   Ed448(LittleEndian(57, 0, 0, 0))},
        RefusedRow{"small order on Ed448: y = 1", "The public key is a point of small order.",
                   Ed448(LittleEndian(57, 1, 0, 0x80))},
        RefusedRow{"small order on Ed448: y = p - 1", "The public key is a point of small order.",
                   Ed448(Base64UrlEncode("\xfe" + std::string(27, '\xff') + "\xfe" +
                                         std::string(27, '\xff') + std::string(1, '\0')))}));

INSTANTIATE_TEST_SUITE_P(
    Certificate, RefusedJwk,
    ::testing::Values(
        RefusedRow{"the certificate of another key (RFC 7517 4.7)",
                   "The certificate is for another key.",
                   With(RsaJwk(), {{"x5c", CertifiedJwk()["x5c"]}})},
        RefusedRow{"another x5t", "The thumbprint is not the certificate's.",
                   With(CertifiedJwk(), {{"x5t", "AAAAAAAAAAAAAAAAAAAAAAAAAAA"}})},
        RefusedRow{"another x5t#S256", "The thumbprint is not the certificate's.",
                   With(CertifiedJwk(), {{"x5t#S256", Number(32, 1, 1)}})},
        RefusedRow{"x5c empty", "x5c is not an array of certificates.",
                   With(RsaJwk(), {{"x5c", Json::array()}})},
        RefusedRow{"x5c a string", "x5c is not an array of certificates.",
                   With(RsaJwk(), {{"x5c", "MIID"}})},
        RefusedRow{"x5c not a certificate", "x5c does not parse as a certificate.",
                   With(RsaJwk(), {{"x5c", {"AAAA"}}})},
        RefusedRow{"x5c not base64", "x5c is not base64.", With(RsaJwk(), {{"x5c", {"!"}}})},
        RefusedRow{"x5c alone, without n and e", "A required member is missing or not a string.",
                   With(CertifiedJwk(), {{"n", nullptr}, {"e", nullptr}})}));

class MalformedJwkSet : public ::testing::TestWithParam<const char*> {};
TEST_P(MalformedJwkSet, DoesNotParse) {
  EXPECT_THAT(JwkSet::Parse(GetParam()), FailsWith(Reason::kProviderResponseInvalid));
}
INSTANTIATE_TEST_SUITE_P(JwkSet, MalformedJwkSet,
                         ::testing::Values("", "[]", "null", "{}", R"({"keys":null})",
                                           R"({"keys":{}})", R"({"keys":["x"]})",
                                           R"({"keys":[null]})", R"({"keys":[[]]})",
                                           R"({"keys":[],"keys":[]})", "<html></html>",
                                           R"({"keys":[]} x)"));

TEST(JwkSet, KeepsTheGoodKeysAndSaysWhatItSkipped) {
  const Json k256 = {{"kty", "EC"}, {"crv", "secp256k1"}, {"x", "AA"}, {"y", "AA"}};
  const auto set = testing::MakeJwkSet({With(RsaJwk(), {{"use", "enc"}}),
                                        RsaJwk(),
                                        k256,
                                        Json::object(),
                                        EcJwk(),
                                        {{"kty", "AKP"}, {"alg", "ML-DSA-65"}, {"pub", "AA"}}});
  EXPECT_EQ(set.keys().size(), 2U);
  ASSERT_EQ(set.skipped().size(), 4U);
  EXPECT_EQ(set.skipped()[0].index, 0U);
  EXPECT_THAT(set.skipped()[0].fault, HasSubstr("not for signatures"));
  EXPECT_EQ(set.skipped()[1].index, 2U);
}

TEST(JwkSet, MayBeEmpty) {
  EXPECT_TRUE(testing::MakeJwkSet({}).keys().empty());
  EXPECT_TRUE(testing::MakeJwkSet({Json::object()}).keys().empty());
}

TEST(JwkSet, HasALimit) {
  const std::vector<Json> most(JwkSet::kMaxKeys, Json::object());
  EXPECT_OK(JwkSet::Parse(testing::JwkSetText(most)));
  const std::vector<Json> more(JwkSet::kMaxKeys + 1, Json::object());
  EXPECT_THAT(JwkSet::Parse(testing::JwkSetText(more)),
              FailsWith(Reason::kProviderResponseInvalid));
  const std::string long_text = "{\"keys\":[]" + std::string(JwkSet::kMaxBytes, ' ') + "}";
  EXPECT_THAT(JwkSet::Parse(long_text), FailsWith(Reason::kProviderResponseInvalid));
}

}  // namespace
}  // namespace tokenbroker::jose
