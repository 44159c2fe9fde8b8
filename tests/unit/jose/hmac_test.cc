// Tokens signed with a shared secret: the one path that takes HS256, HS384 and HS512.
#include <string>

#include "base/base64url.h"
#include "gmock/gmock.h"
#include "jose/jws.h"
#include "support/signing_key.h"
#include "support/status_matchers.h"

namespace tokenbroker::jose {
namespace {

using testing::FailsWith;
using testing::SigningKey;

const JwsPolicy kHmac{.algorithms = {Algorithm::kHS256, Algorithm::kHS384, Algorithm::kHS512}};

Secret SecretOf(std::size_t size) { return Secret(std::string(size, 's')); }

TEST(HmacJws, VerifiesWhatTheSameSecretSigned) {
  for (const auto& [algorithm, size] :
       {std::pair{Algorithm::kHS256, 32}, {Algorithm::kHS384, 48}, {Algorithm::kHS512, 64}}) {
    const Secret key = SecretOf(static_cast<std::size_t>(size));
    ASSERT_OK_AND_ASSIGN(const std::string token,
                         SignHmacJws({{"typ", "JWT"}}, "{}", algorithm, key));
    ASSERT_OK_AND_ASSIGN(const Jwt jwt, VerifyHmacJws(token, key, kHmac));
    EXPECT_EQ(jwt.hash, HashFunctionOf(algorithm, std::nullopt));
    EXPECT_THAT(VerifyHmacJws(token, Secret(std::string(64, 'x')), kHmac),
                FailsWith(Reason::kSignatureInvalid));
    EXPECT_THAT(VerifyHmacJws(testing::WithBrokenSignature(token), key, kHmac),
                FailsWith(Reason::kSignatureInvalid));
  }
}

// RFC 7518 section 3.2: the whole code, neither cut nor with anything behind it.
TEST(HmacJws, TakesTheCodeInFullLengthAlone) {
  ASSERT_OK_AND_ASSIGN(const std::string token,
                       SignHmacJws(Json::object(), "{}", Algorithm::kHS256, SecretOf(64)));
  const std::string input = token.substr(0, token.rfind('.') + 1);
  const std::string code = *Base64UrlDecode(token.substr(input.size()));
  ASSERT_EQ(code.size(), 32U);
  for (const std::string& bad : {std::string(), code.substr(0, 1), code.substr(0, 16),
                                 code.substr(0, 31), code.substr(1), code + '\0', code + code}) {
    EXPECT_THAT(VerifyHmacJws(input + Base64UrlEncode(bad), SecretOf(64), kHmac),
                FailsWith(Reason::kSignatureInvalid))
        << bad.size();
  }
}

// RFC 7518 section 3.2; CVE-2019-20933 for the empty one.
TEST(HmacJws, WantsASecretAsLongAsTheHash) {
  const SigningKey any = SigningKey::Shared(Algorithm::kES256, "");
  for (const auto& [algorithm, size] :
       {std::pair{Algorithm::kHS256, 31}, {Algorithm::kHS384, 47}, {Algorithm::kHS512, 63}}) {
    for (const Secret& key : {SecretOf(0), SecretOf(static_cast<std::size_t>(size))}) {
      EXPECT_THAT(SignHmacJws(Json::object(), "{}", algorithm, key),
                  FailsWith(Reason::kInvalidRequest));
      EXPECT_THAT(
          VerifyHmacJws(any.SignWithHeader({{"alg", AlgorithmName(algorithm)}}, {}), key, kHmac),
          FailsWith(Reason::kKeyNotFound));
    }
  }
}

TEST(HmacJws, RefusesEveryOtherAlgorithm) {
  const SigningKey key = SigningKey::Shared(Algorithm::kES256, "");
  EXPECT_THAT(VerifyHmacJws(key.Sign({}), SecretOf(64),
                            {.algorithms = {Algorithm::kES256, Algorithm::kHS256}}),
              FailsWith(Reason::kAlgorithmNotAllowed));
  EXPECT_THAT(VerifyHmacJws(key.SignWithHeader({{"alg", "none"}}, {}), SecretOf(64), kHmac),
              FailsWith(Reason::kAlgorithmNotAllowed));
  EXPECT_THAT(SignHmacJws(Json::object(), "{}", Algorithm::kRS256, SecretOf(64)),
              FailsWith(Reason::kInvalidRequest));
}

TEST(HmacJws, TakesOnlyAnAlgorithmOfThePolicy) {
  ASSERT_OK_AND_ASSIGN(const std::string token,
                       SignHmacJws(Json::object(), "{}", Algorithm::kHS512, SecretOf(64)));
  EXPECT_THAT(VerifyHmacJws(token, SecretOf(64), {.algorithms = {Algorithm::kHS256}}),
              FailsWith(Reason::kAlgorithmNotAllowed));
}

}  // namespace
}  // namespace tokenbroker::jose
