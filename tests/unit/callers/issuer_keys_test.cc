#include "callers/issuer_keys.h"

#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "net/runtime.h"
#include "support/manual_clock.h"
#include "support/signing_key.h"
#include "support/status_matchers.h"
#include "support/temp_dir.h"

namespace tokenbroker::callers {
namespace {

using testing::FailsWith;
using testing::SigningKey;

absl::StatusOr<jose::Jwt> Verify(Runtime& runtime, IssuerKeys& keys, const SigningKey& key) {
  const Json claims = {{"sub", "web"}};
  jose::JwsPolicy policy{.algorithms = {jose::Algorithm::kES256}};
  return RunBlocking(
      runtime, keys.Verify(Secret(key.Sign(claims)), std::move(policy), absl::InfiniteFuture()));
}

TEST(FileIssuerKeys, VerifyWithTheKeysOfTheFile) {
  Runtime runtime;
  testing::ManualClock clock;
  const testing::TempDir directory;
  const auto key = SigningKey::Generate(jose::Algorithm::kES256, "1");
  const auto stranger = SigningKey::Generate(jose::Algorithm::kES256, "1");
  ASSERT_OK_AND_ASSIGN(const auto keys,
                       FileIssuerKeys::Create(
                           directory.Write("jwks.json", testing::JwkSetText({key.Jwk()})), clock));
  EXPECT_OK(Verify(runtime, *keys, key));
  EXPECT_THAT(Verify(runtime, *keys, stranger), FailsWith(Reason::kSignatureInvalid));
}

TEST(FileIssuerKeys, ReadTheFileAgainForANewKey) {
  Runtime runtime;
  testing::ManualClock clock;
  const testing::TempDir directory;
  const auto old_key = SigningKey::Generate(jose::Algorithm::kES256, "old");
  const auto new_key = SigningKey::Generate(jose::Algorithm::kES256, "new");
  const std::string file = directory.Write("jwks.json", testing::JwkSetText({old_key.Jwk()}));
  ASSERT_OK_AND_ASSIGN(const auto keys, FileIssuerKeys::Create(file, clock));
  directory.Write("jwks.json", testing::JwkSetText({new_key.Jwk()}));
  EXPECT_THAT(Verify(runtime, *keys, new_key), FailsWith(Reason::kKeyNotFound));  // read just now
  clock.Advance(FileIssuerKeys::kReadInterval);
  EXPECT_OK(Verify(runtime, *keys, new_key));
}

TEST(FileIssuerKeys, StayWhenTheFileBreaks) {
  Runtime runtime;
  testing::ManualClock clock;
  const testing::TempDir directory;
  const auto key = SigningKey::Generate(jose::Algorithm::kES256, "1");
  const auto stranger = SigningKey::Generate(jose::Algorithm::kES256, "2");
  const std::string file = directory.Write("jwks.json", testing::JwkSetText({key.Jwk()}));
  ASSERT_OK_AND_ASSIGN(const auto keys, FileIssuerKeys::Create(file, clock));
  directory.Write("jwks.json", "{");
  clock.Advance(FileIssuerKeys::kReadInterval);
  EXPECT_THAT(Verify(runtime, *keys, stranger), FailsWith(Reason::kKeyNotFound));
  EXPECT_OK(Verify(runtime, *keys, key));
}

TEST(FileIssuerKeys, RefuseAFileWithoutKeys) {
  testing::ManualClock clock;
  const testing::TempDir directory;
  EXPECT_THAT(FileIssuerKeys::Create("/no/such/file", clock), FailsWith(Reason::kInvalidRequest));
  EXPECT_THAT(FileIssuerKeys::Create(directory.Write("a", "{}"), clock),
              FailsWith(Reason::kInvalidRequest));
  EXPECT_THAT(FileIssuerKeys::Create(directory.Write("b", R"({"keys":[]})"), clock),
              FailsWith(Reason::kInvalidRequest));
}

}  // namespace
}  // namespace tokenbroker::callers
