#include "jose/jws.h"

#include <openssl/err.h>

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "base/base64url.h"
#include "gmock/gmock.h"
#include "support/signing_key.h"
#include "support/status_matchers.h"

namespace tokenbroker::jose {
namespace {

using testing::FailsWith;
using testing::IsOk;
using testing::MakeJwkSet;
using testing::SigningKey;
using testing::WithBrokenSignature;

const Json kClaims = {{"iss", "https://op.example"}, {"sub", "alice"}};

SigningKey RsaKey() { return SigningKey::Shared(Algorithm::kRS256, "rsa"); }
SigningKey EcKey() { return SigningKey::Shared(Algorithm::kES256, "ec"); }
SigningKey OkpKey() { return SigningKey::Shared(Algorithm::kEdDSA, "okp"); }

JwsPolicy Allow(Algorithm algorithm) { return {.algorithms = {algorithm}}; }

// Verifies a token of RsaKey with a policy that allows RS256.
absl::StatusOr<Jwt> VerifyRsa(std::string_view token) {
  return VerifyJws(token, RsaKey().Set(), Allow(Algorithm::kRS256));
}

absl::StatusOr<Jwt> VerifyWithHeader(const Json& changes) {
  return VerifyRsa(RsaKey().SignWithHeader(changes, kClaims));
}

// A token with a header given as text, so that it can be malformed.
absl::StatusOr<Jwt> VerifyHeaderText(std::string_view header) {
  return VerifyRsa(RsaKey().SignText(header, kClaims.dump()));
}

TEST(VerifyJws, HandsOutWhatWasSigned) {
  ASSERT_OK_AND_ASSIGN(const Jwt jwt, VerifyRsa(RsaKey().Sign(kClaims)));
  EXPECT_EQ(jwt.algorithm, Algorithm::kRS256);
  EXPECT_EQ(jwt.curve, std::nullopt);
  EXPECT_EQ(jwt.hash, HashFunction::kSha256);
  EXPECT_EQ(jwt.key_id, "rsa");
  EXPECT_EQ(jwt.type, "jwt");
  EXPECT_THAT(ParseClaims(jwt), testing::IsOkAndHolds(kClaims));
}

TEST(VerifyJws, AcceptsSixtyFourKibibytesOfGroups) {
  Json claims = kClaims;
  claims["groups"] = std::vector<std::string>(4096, "cn=engineering");
  ASSERT_OK_AND_ASSIGN(const Jwt jwt, VerifyRsa(RsaKey().Sign(claims)));
  EXPECT_THAT(ParseClaims(jwt), testing::IsOkAndHolds(claims));
}

TEST(VerifyJws, AcceptsWhiteSpaceAndUnknownMembersInTheHeader) {
  EXPECT_OK(VerifyHeaderText("{ \"kid\" : \"rsa\",\r\n\t\"alg\" : \"RS256\", \"foo\": {} }"));
}

// The sections are RFC 7515's where no other is named.
struct Row {
  const char* name;
  std::string token;
  Reason reason;
};
void PrintTo(const Row& row, std::ostream* os) { *os << row.name; }

class RefusedJws : public ::testing::TestWithParam<Row> {};
TEST_P(RefusedJws, DoesNotVerify) {
  EXPECT_THAT(VerifyRsa(GetParam().token), FailsWith(GetParam().reason));
}

std::string Good() { return RsaKey().Sign(kClaims); }
std::vector<std::string> GoodParts() {
  const std::string token = Good();
  const std::size_t first = token.find('.');
  const std::size_t second = token.rfind('.');
  return {token.substr(0, first), token.substr(first + 1, second - first - 1),
          token.substr(second + 1)};
}
std::string Join(const std::string& header, const std::string& payload,
                 const std::string& signature) {
  return header + "." + payload + "." + signature;
}

std::vector<Row> FormRows() {
  const auto part = GoodParts();
  const std::string flattened =
      Json{{"protected", part[0]}, {"payload", part[1]}, {"signature", part[2]}}.dump();
  // Cut at its dots, this holds a good token's signature over another payload.
  const std::string crafted = R"({"protected":")" + part[0] + "." + part[1] + "." + part[2] + "\"}";
  const std::string last_bit_set = [&] {
    std::string signature = part[2];
    signature.back() = signature.back() == 'A' ? 'B' : static_cast<char>(signature.back() + 1);
    return signature;
  }();
  return {
      {"empty", "", Reason::kJwtMalformed},
      {"no dots", part[0], Reason::kJwtMalformed},
      {"two parts (7.1)", part[0] + "." + part[1], Reason::kJwtMalformed},
      {"four parts (7.1)", Good() + ".", Reason::kJwtMalformed},
      {"five parts: a JWE (RFC 7516 9)", Good() + ".AAAA.AAAA", Reason::kJwtMalformed},
      {"only dots", "..", Reason::kJwtMalformed},
      {"no header", Join("", part[1], part[2]), Reason::kJwtMalformed},
      {"padding (2)", Good() + "=", Reason::kJwtMalformed},
      {"white space before (2)", " " + Good(), Reason::kJwtMalformed},
      {"line end after (2)", Good() + "\n", Reason::kJwtMalformed},
      {"a NUL inside", Join(part[0], part[1] + std::string(1, '\0'), part[2]),
       Reason::kJwtMalformed},
      {"a question mark in the payload (Wycheproof JWS 373)", Join(part[0], part[1] + "?", part[2]),
       Reason::kJwtMalformed},
      {"unused bits set in the signature (RFC 4648 3.5)", Join(part[0], part[1], last_bit_set),
       Reason::kJwtMalformed},
      {"a part of an impossible length", Join(part[0], part[1], "AAAAA"), Reason::kJwtMalformed},
      {"flattened JSON (7.2.2)", flattened, Reason::kJwtMalformed},
      {"JSON that looks compact when cut at its dots (RFC 8725bis 3.14)", crafted,
       Reason::kJwtMalformed},
      {"longer than the limit", std::string(kMaxCompactBytes, 'A') + Good(), Reason::kJwtMalformed},
      {"signature missing", Join(part[0], part[1], ""), Reason::kSignatureInvalid},
      {"payload missing", Join(part[0], "", part[2]), Reason::kSignatureInvalid},
      {"payload of another token", Join(part[0], Base64UrlEncode(R"({"sub":"bob"})"), part[2]),
       Reason::kSignatureInvalid},
      {"header of another token",
       Join(Base64UrlEncode(R"({"alg":"RS256","kid":"rsa"})"), part[1], part[2]),
       Reason::kSignatureInvalid},
      {"every byte of the signature changed", WithBrokenSignature(Good()),
       Reason::kSignatureInvalid},
      {"signature of four bytes", Join(part[0], part[1], "AAAAAA"), Reason::kSignatureInvalid},
      {"signature with a zero in front (RFC 8017 8.2.2)",
       Join(part[0], part[1], Base64UrlEncode('\0' + *Base64UrlDecode(part[2]))),
       Reason::kSignatureInvalid},
      {"signature with a zero behind",
       Join(part[0], part[1], Base64UrlEncode(*Base64UrlDecode(part[2]) + '\0')),
       Reason::kSignatureInvalid},
      {"signature without its last byte",
       Join(part[0], part[1], Base64UrlEncode(Base64UrlDecode(part[2])->substr(0, 255))),
       Reason::kSignatureInvalid},
  };
}
INSTANTIATE_TEST_SUITE_P(Form, RefusedJws, ::testing::ValuesIn(FormRows()));

std::string HeaderText(std::string_view header) {
  return RsaKey().SignText(header, kClaims.dump());
}
std::string Header(const Json& changes) { return RsaKey().SignWithHeader(changes, kClaims); }

std::vector<Row> HeaderRows() {
  using namespace std::string_literals;
  return {
      {"not JSON", HeaderText("alg=RS256"), Reason::kJwtMalformed},
      {"array", HeaderText(R"(["RS256"])"), Reason::kJwtMalformed},
      {"member twice (4)", HeaderText(R"({"alg":"none","alg":"RS256"})"), Reason::kJwtMalformed},
      {"invalid UTF-8", HeaderText("{\"alg\":\"RS256\",\"a\":\"\xff\"}"), Reason::kJwtMalformed},
      {"deep", HeaderText("{\"a\":" + std::string(10000, '[')), Reason::kJwtMalformed},
      {"alg missing (4.1.1)", HeaderText(R"({"kid":"rsa"})"), Reason::kJwtMalformed},
      {"alg null", HeaderText(R"({"alg":null})"), Reason::kJwtMalformed},
      {"alg number", HeaderText(R"({"alg":1})"), Reason::kJwtMalformed},
      {"alg array", HeaderText(R"({"alg":["RS256"]})"), Reason::kJwtMalformed},
      {"alg with a NUL", HeaderText(R"({"alg":"RS256\u0000"})"), Reason::kAlgorithmNotAllowed},
      {"alg in lower case", Header({{"alg", "rs256"}}), Reason::kAlgorithmNotAllowed},
      {"alg empty", Header({{"alg", ""}}), Reason::kAlgorithmNotAllowed},
      {"alg none with a signature (RFC 8725 3.2)", Header({{"alg", "none"}}),
       Reason::kAlgorithmNotAllowed},
      {"alg none without kid", Header({{"alg", "none"}, {"kid", nullptr}}),
       Reason::kAlgorithmNotAllowed},
      {"alg none and no signature",
       Base64UrlEncode(R"({"alg":"none"})") + "." + Base64UrlEncode(kClaims.dump()) + ".",
       Reason::kAlgorithmNotAllowed},
      {"alg NONE", Header({{"alg", "NONE"}}), Reason::kAlgorithmNotAllowed},
      {"alg of encryption", Header({{"alg", "RSA-OAEP"}}), Reason::kAlgorithmNotAllowed},
      {"alg of the same family (RFC 8725 3.1)", Header({{"alg", "RS512"}}),
       Reason::kAlgorithmNotAllowed},
      {"alg PS256 with an RSA key", Header({{"alg", "PS256"}}), Reason::kAlgorithmNotAllowed},
      {"alg HS256", Header({{"alg", "HS256"}}), Reason::kAlgorithmNotAllowed},
      {"kid number (4.1.4)", Header({{"kid", 1}}), Reason::kJwtMalformed},
      {"kid null", HeaderText(R"({"alg":"RS256","kid":null})"), Reason::kJwtMalformed},
      {"kid unknown", Header({{"kid", "other"}}), Reason::kKeyNotFound},
      {"kid empty", Header({{"kid", ""}}), Reason::kKeyNotFound},
      {"kid in another case", Header({{"kid", "RSA"}}), Reason::kKeyNotFound},
      {"kid with a NUL behind", Header({{"kid", "rsa\0"s}}), Reason::kKeyNotFound},
      {"typ number (4.1.9)", Header({{"typ", 1}}), Reason::kJwtMalformed},
      {"crit (4.1.11)", Header({{"crit", {"exp"}}, {"exp", 1}}), Reason::kCriticalHeaderUnknown},
      {"crit empty", Header({{"crit", Json::array()}}), Reason::kCriticalHeaderUnknown},
      {"crit null", HeaderText(R"({"alg":"RS256","crit":null})"), Reason::kCriticalHeaderUnknown},
      {"b64 false and critical (RFC 7797 6)", Header({{"crit", {"b64"}}, {"b64", false}}),
       Reason::kCriticalHeaderUnknown},
      {"b64 false and not critical", Header({{"b64", false}}), Reason::kCriticalHeaderUnknown},
      {"b64 a string", Header({{"b64", "true"}}), Reason::kCriticalHeaderUnknown},
      {"b64 false with a raw payload",
       Base64UrlEncode(R"({"alg":"RS256","b64":false,"crit":["b64"]})") + ".$.02.AAAA",
       Reason::kJwtMalformed},
  };
}
INSTANTIATE_TEST_SUITE_P(Header, RefusedJws, ::testing::ValuesIn(HeaderRows()));

// RFC 8725 section 3.11; RFC 7515 section 4.1.9 for the prefix.
TEST(VerifyJws, TakesATypeOfItsPolicyAlone) {
  for (const char* type : {"JWT", "jwt", "Jwt", "application/jwt", "APPLICATION/JWT"}) {
    EXPECT_OK(VerifyWithHeader({{"typ", type}})) << type;
  }
  EXPECT_OK(VerifyWithHeader({{"typ", nullptr}}));
  for (const char* type : {"at+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt", "JOSE", "", "jwt ",
                           "application/application/jwt", "text/jwt"}) {
    EXPECT_THAT(VerifyWithHeader({{"typ", type}}), FailsWith(Reason::kJwtTypeMismatch)) << type;
  }
}

TEST(VerifyJws, CanInsistOnAType) {
  const JwsPolicy policy{.algorithms = {Algorithm::kRS256},
                         .accepted_types = {"logout+jwt"},
                         .absent_type = AbsentType::kRefused};
  const auto verify = [&](const Json& type) {
    return VerifyJws(Header({{"typ", type}}), RsaKey().Set(), policy);
  };
  EXPECT_OK(verify("logout+jwt"));
  EXPECT_OK(verify("application/logout+jwt"));
  EXPECT_THAT(verify("JWT"), FailsWith(Reason::kJwtTypeMismatch));
  EXPECT_THAT(verify(nullptr), FailsWith(Reason::kJwtTypeMismatch));
}

TEST(VerifyJws, AcceptsNothingWithAnEmptyPolicy) {
  EXPECT_THAT(VerifyJws(Good(), RsaKey().Set(), JwsPolicy{}),
              FailsWith(Reason::kAlgorithmNotAllowed));
}

// CVE-2016-10555: the issuer's public key as an HMAC secret, and a policy that would allow it.
TEST(VerifyJws, NeverUsesAPublishedKeyAsASecret) {
  const std::string public_key = RsaKey().Jwk()["n"];
  ASSERT_OK_AND_ASSIGN(const std::string forged,
                       SignHmacJws({{"kid", "rsa"}}, kClaims.dump(), Algorithm::kHS256,
                                   Secret(*Base64UrlDecode(public_key))));
  EXPECT_THAT(
      VerifyJws(forged, RsaKey().Set(), {.algorithms = {Algorithm::kRS256, Algorithm::kHS256}}),
      FailsWith(Reason::kAlgorithmNotAllowed));
}

// CVE-2018-0114 and its relatives: the attacker signs with a key that the token brings along.
TEST(VerifyJws, DoesNotLookAtKeysInTheHeader) {
  const SigningKey attacker = SigningKey::Generate(Algorithm::kES256, "ec");
  for (const Json& header :
       {Json{{"jwk", attacker.Jwk()}}, Json{{"jwk", "https://evil.example/jwk"}},
        Json{{"jku", "https://evil.example/jwks"}}, Json{{"x5u", "https://evil.example/x5u"}},
        Json{{"x5c", {"AAAA", "BBBB"}}}, Json{{"x5t", "AAAA"}}}) {
    EXPECT_THAT(VerifyJws(attacker.SignWithHeader(header, kClaims), EcKey().Set(),
                          Allow(Algorithm::kES256)),
                FailsWith(Reason::kSignatureInvalid));
    EXPECT_OK(VerifyJws(EcKey().SignWithHeader(header, kClaims), EcKey().Set(),
                        Allow(Algorithm::kES256)));
  }
}

TEST(VerifyJws, LeavesTheErrorQueueAsItWas) {
  ERR_clear_error();
  ERR_raise(ERR_LIB_USER, 7);
  EXPECT_THAT(VerifyRsa(WithBrokenSignature(Good())), FailsWith(Reason::kSignatureInvalid));
  EXPECT_EQ(ERR_GET_REASON(ERR_get_error()), 7);
  EXPECT_EQ(ERR_get_error(), 0UL);
}

TEST(ParseUnverifiedHeader, ReadsWhatDecidesOnKeys) {
  ASSERT_OK_AND_ASSIGN(const UnverifiedHeader header,
                       ParseUnverifiedHeader(WithBrokenSignature(OkpKey().SignWithHeader(
                           {{"alg", "Ed25519"}, {"typ", "application/at+JWT"}}, kClaims))));
  EXPECT_EQ(header.algorithm, (AlgorithmIdentifier{Algorithm::kEdDSA, Curve::kEd25519}));
  EXPECT_EQ(header.key_id, "okp");
  EXPECT_EQ(header.type, "at+jwt");
  EXPECT_THAT(ParseUnverifiedHeader("a.b"), FailsWith(Reason::kJwtMalformed));
  EXPECT_THAT(ParseUnverifiedHeader(Header({{"alg", "none"}})),
              FailsWith(Reason::kAlgorithmNotAllowed));
}

TEST(ParseClaims, RefusesWhatIsNoStrictObject) {
  for (const char* payload : {"", "foo", "[]", "\"x\"", R"({"sub":"a","sub":"b"})", "{} {}"}) {
    ASSERT_OK_AND_ASSIGN(const Jwt jwt, VerifyRsa(RsaKey().SignBytes(Json::object(), payload)));
    EXPECT_THAT(ParseClaims(jwt), FailsWith(Reason::kJwtMalformed)) << payload;
  }
}

TEST(SignJws, WritesTheKeysAlgorithmAndNameWhateverTheHeaderSays) {
  ASSERT_OK_AND_ASSIGN(
      const std::string token,
      SignJws({{"typ", "dpop+jwt"}, {"alg", "none"}, {"kid", "x"}}, "payload", EcKey().key()));
  ASSERT_OK_AND_ASSIGN(const UnverifiedHeader header, ParseUnverifiedHeader(token));
  EXPECT_EQ(header.members, (Json{{"alg", "ES256"}, {"kid", "ec"}, {"typ", "dpop+jwt"}}));
}

}  // namespace
}  // namespace tokenbroker::jose
