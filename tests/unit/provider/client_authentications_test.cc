#include "provider/client_authentications.h"

#include <ostream>
#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/status_matchers.h"

namespace tokenbroker::provider {
namespace {

using ::testing::Contains;
using ::testing::ElementsAreArray;
using ::testing::Pair;
using ::tokenbroker::testing::FailsWith;

struct MethodsCase {
  std::string name;
  std::vector<std::string> supported;
  std::vector<std::string> configured;
  std::vector<std::string> usable;  // none: PROVIDER_MISCONFIGURED
};

void PrintTo(const MethodsCase& row, std::ostream* os) { *os << row.name; }

oauth::ClientAuthentication Authentication(const std::string& method) {
  if (method == "client_secret_basic") return oauth::ClientSecretBasic{Secret("secret")};
  if (method == "client_secret_post") return oauth::ClientSecretPost{Secret("secret")};
  return oauth::NoAuthentication{};
}

class ClientAuthenticationsTest : public ::testing::TestWithParam<MethodsCase> {};

TEST_P(ClientAuthenticationsTest, AreThoseThatTheProviderTakes) {
  oauth::ProviderMetadata metadata;
  metadata.token_endpoint_auth_methods_supported = GetParam().supported;
  Registration registration = {.client_id = "client"};
  for (const std::string& method : GetParam().configured) {
    registration.authentications.push_back(Authentication(method));
  }
  const auto usable = UsableAuthentications(registration, metadata);
  if (GetParam().usable.empty()) {
    EXPECT_THAT(usable, FailsWith(Reason::kProviderMisconfigured));
    EXPECT_THAT(MetadataOf(usable.status()), Contains(Pair("method", GetParam().configured[0])));
    return;
  }
  ASSERT_OK(usable);
  std::vector<std::string> methods;
  for (const auto* authentication : *usable) methods.emplace_back(MethodName(*authentication));
  EXPECT_THAT(methods, ElementsAreArray(GetParam().usable));
}

const std::string kBasic = "client_secret_basic";
const std::string kPost = "client_secret_post";

INSTANTIATE_TEST_SUITE_P(
    Lists, ClientAuthenticationsTest,
    ::testing::Values(
        MethodsCase{"disc_auth_method_default", {}, {kBasic}, {kBasic}},
        MethodsCase{"OthersWhereNothingIsSaid", {}, {kPost}, {kPost}},
        MethodsCase{"Listed", {kPost, kBasic}, {kBasic}, {kBasic}},
        MethodsCase{"NotListed", {kPost, "private_key_jwt"}, {kBasic}, {}},
        MethodsCase{"OneOfTwo", {kPost}, {kBasic, kPost}, {kPost}},
        MethodsCase{"OrderOfTheConfiguration", {kPost, kBasic}, {kBasic, kPost}, {kBasic, kPost}},
        MethodsCase{"PublicClient", {kPost}, {"none"}, {"none"}}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace tokenbroker::provider
