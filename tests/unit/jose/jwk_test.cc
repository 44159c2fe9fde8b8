#include "jose/jwk.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/base64url.h"
#include "gmock/gmock.h"
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

class RefusedJwk : public ::testing::TestWithParam<Row> {};
TEST_P(RefusedJwk, DoesNotParse) {
  EXPECT_THAT(Jwk::Parse(GetParam().jwk), FailsWith(Reason::kProviderResponseInvalid));
}

INSTANTIATE_TEST_SUITE_P(
    Form, RefusedJwk,
    ::testing::Values(Row{"array", Json::array()}, Row{"empty object", Json::object()},
                      Row{"no kty (RFC 7517 4.1)", With(RsaJwk(), {{"kty", nullptr}})},
                      Row{"kty of another type of key", With(EcJwk(), {{"kty", "RSA"}})},
                      Row{"kty in lower case", With(RsaJwk(), {{"kty", "rsa"}})},
                      Row{"kty unknown", With(RsaJwk(), {{"kty", "AKP"}})},
                      Row{"kty number", With(RsaJwk(), {{"kty", 1}})},
                      Row{"kid number", With(RsaJwk(), {{"kid", 1}})},
                      Row{"kid null", WithNull(RsaJwk(), "kid")},
                      Row{"oct: a secret that everybody can read",
                          {{"kty", "oct"}, {"k", Number(32, 1, 1)}, {"alg", "HS256"}}},
                      Row{"oct with an empty secret",
                          {{"kty", "oct"}, {"k", ""}, {"alg", "HS256"}}},
                      Row{"a published private key", With(EcJwk(), {{"d", Number(32, 1, 1)}})}));

INSTANTIATE_TEST_SUITE_P(
    Use, RefusedJwk,
    ::testing::Values(
        Row{"use enc (RFC 7517 4.2)", With(RsaJwk(), {{"use", "enc"}})},
        Row{"use empty", With(RsaJwk(), {{"use", ""}})}, Row{"use null", WithNull(RsaJwk(), "use")},
        Row{"key_ops encrypt (RFC 7517 4.3)", With(RsaJwk(), {{"key_ops", {"encrypt"}}})},
        Row{"key_ops sign alone", With(RsaJwk(), {{"key_ops", {"sign"}}})},
        Row{"key_ops empty", With(RsaJwk(), {{"key_ops", Json::array()}})},
        Row{"key_ops a string", With(RsaJwk(), {{"key_ops", "verify"}})},
        Row{"key_ops with a value twice", With(RsaJwk(), {{"key_ops", {"verify", "verify"}}})},
        Row{"key_ops with a number", With(RsaJwk(), {{"key_ops", {"verify", 1}}})},
        Row{"alg of encryption", With(RsaJwk(), {{"alg", "RSA-OAEP"}})},
        Row{"alg none", With(RsaJwk(), {{"alg", "none"}})},
        Row{"alg HS256 on a public key", With(RsaJwk(), {{"alg", "HS256"}})},
        Row{"alg of another type", With(RsaJwk(), {{"alg", "ES256"}})},
        Row{"alg of another curve", With(EcJwk(), {{"alg", "ES384"}})},
        Row{"alg of another Edwards curve", With(OkpJwk(), {{"alg", "Ed448"}})},
        Row{"alg that does not exist (Wycheproof JWK 19)", With(EcJwk(), {{"alg", "ES521"}})},
        Row{"alg number", With(RsaJwk(), {{"alg", 256}})},
        Row{"alg null", WithNull(RsaJwk(), "alg")}));

INSTANTIATE_TEST_SUITE_P(
    Rsa, RefusedJwk,
    ::testing::Values(
        Row{"512 bits (RFC 7518 3.3)", With(RsaJwk(), {{"n", Number(64, '\x80', 1)}})},
        Row{"2047 bits", With(RsaJwk(), {{"n", Number(256, '\x7f', 1)}})},
        Row{"16385 bits", With(RsaJwk(), {{"n", Number(2049, 1, 1)}})},
        Row{"65536 bits", With(RsaJwk(), {{"n", Number(8192, '\x80', 1)}})},
        Row{"even modulus", With(RsaJwk(), {{"n", Number(256, '\x80', 2)}})},
        Row{"modulus empty", With(RsaJwk(), {{"n", ""}})},
        Row{"modulus missing", With(RsaJwk(), {{"n", nullptr}})},
        Row{"modulus number", With(RsaJwk(), {{"n", 65537}})},
        Row{"modulus with padding", With(RsaJwk(), {{"n", Number(256, '\x80', 1) + "=="}})},
        Row{"modulus in standard base64", With(RsaJwk(), {{"n", "++++" + Number(256, '\x80', 1)}})},
        Row{"exponent missing", With(RsaJwk(), {{"e", nullptr}})},
        Row{"exponent empty", With(RsaJwk(), {{"e", ""}})},
        Row{"exponent 0", With(RsaJwk(), {{"e", "AA"}})},
        Row{"exponent 1 (Wycheproof JWK 9)", With(RsaJwk(), {{"e", "AQ"}})},
        Row{"exponent 2", With(RsaJwk(), {{"e", "Ag"}})},
        Row{"exponent of 65 bits", With(RsaJwk(), {{"e", Number(9, 1, 1)}})},
        Row{"exponent longer than the modulus", With(RsaJwk(), {{"e", Number(4096, 1, 1)}})}));

std::string Short(const Json& jwk, const char* name) {
  return Base64UrlEncode(Base64UrlDecode(jwk[name].get<std::string>())->substr(1));
}

INSTANTIATE_TEST_SUITE_P(
    Ec, RefusedJwk,
    ::testing::Values(
        Row{"a coordinate with an octet less (RFC 7518 6.2.1.2)",
            With(EcJwk(), {{"x", Short(EcJwk(), "x")}})},
        Row{"a coordinate with a leading zero more",
            With(EcJwk(),
                 {{"x",
                   Base64UrlEncode('\0' + *Base64UrlDecode(EcJwk()["x"].get<std::string>()))}})},
        Row{"a point off the curve", With(EcJwk(), {{"x", EcJwk()["y"]}, {"y", EcJwk()["x"]}})},
        Row{"the point (0, 0)", With(EcJwk(), {{"x", Base64UrlEncode(std::string(32, '\0'))},
                                               {"y", Base64UrlEncode(std::string(32, '\0'))}})},
        Row{"a coordinate above the field's prime",
            With(EcJwk(), {{"x", Base64UrlEncode(std::string(32, '\xff'))}})},
        Row{"y missing", With(EcJwk(), {{"y", nullptr}})},
        Row{"crv missing", With(EcJwk(), {{"crv", nullptr}})},
        Row{"another crv than the point's", With(EcJwk(), {{"crv", "P-384"}, {"alg", nullptr}})},
        Row{"secp256k1", With(EcJwk(), {{"crv", "secp256k1"}, {"alg", nullptr}})},
        Row{"an Edwards curve in EC", With(EcJwk(), {{"crv", "Ed25519"}, {"alg", nullptr}})}));

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
        Row{"an octet less", With(OkpJwk(), {{"x", Short(OkpJwk(), "x")}})},
        Row{"x missing", With(OkpJwk(), {{"x", nullptr}})},
        Row{"X25519 signs nothing", With(OkpJwk(), {{"crv", "X25519"}, {"alg", nullptr}})},
        Row{"a NIST curve in OKP", With(OkpJwk(), {{"crv", "P-256"}, {"alg", nullptr}})},
        Row{"small order: y = 0", Ed25519(LittleEndian(32, 0, 0, 0))},
        Row{"small order: y = 0, other sign", Ed25519(LittleEndian(32, 0, 0, 0x80))},
        Row{"small order: y = 1", Ed25519(LittleEndian(32, 1, 0, 0))},
        Row{"small order: y = p - 1", Ed25519(LittleEndian(32, 0xec, '\xff', 0x7f))},
        Row{"small order: y = p", Ed25519(LittleEndian(32, 0xed, '\xff', 0x7f))},
        Row{"small order: y = p + 1", Ed25519(LittleEndian(32, 0xee, '\xff', 0xff))},
        Row{"small order: of order 8", Ed25519("JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU")},
        Row{"small order: the other of order 8",
            Ed25519("xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o")},
        Row{"small order on Ed448: y = 0", Ed448(LittleEndian(57, 0, 0, 0))},
        Row{"small order on Ed448: y = 1", Ed448(LittleEndian(57, 1, 0, 0x80))}));

INSTANTIATE_TEST_SUITE_P(
    Certificate, RefusedJwk,
    ::testing::Values(
        Row{"the certificate of another key (RFC 7517 4.7)",
            With(RsaJwk(), {{"x5c", CertifiedJwk()["x5c"]}})},
        Row{"another x5t", With(CertifiedJwk(), {{"x5t", "AAAAAAAAAAAAAAAAAAAAAAAAAAA"}})},
        Row{"another x5t#S256", With(CertifiedJwk(), {{"x5t#S256", Number(32, 1, 1)}})},
        Row{"x5c empty", With(RsaJwk(), {{"x5c", Json::array()}})},
        Row{"x5c a string", With(RsaJwk(), {{"x5c", "MIID"}})},
        Row{"x5c not a certificate", With(RsaJwk(), {{"x5c", {"AAAA"}}})},
        Row{"x5c not base64", With(RsaJwk(), {{"x5c", {"!"}}})},
        Row{"x5c alone, without n and e", With(CertifiedJwk(), {{"n", nullptr}, {"e", nullptr}})}));

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
