#include "provider/client_authentications.h"

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jose/algorithm.h"
#include "support/signing_key.h"
#include "support/status_matchers.h"

namespace tokenbroker::provider {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAreArray;
using ::testing::Pair;
using ::tokenbroker::testing::FailsWith;
using ::tokenbroker::testing::SigningKey;

struct MethodsCase {
  std::string name;
  std::vector<std::string> supported;
  std::vector<std::string> configured;  // methods; of one that signs, after a space, the algorithm
  std::vector<std::string> usable;      // none: PROVIDER_MISCONFIGURED
  std::vector<std::string> algorithms = {};
  std::string told = {};  // of what the provider supports, in the error
};

void PrintTo(const MethodsCase& row, std::ostream* os) { *os << row.name; }

oauth::ClientAuthentication Authentication(const std::string& text) {
  const std::string method = text.substr(0, text.find(' '));
  const auto algorithm = jose::ParseAlgorithm(std::string_view(text).substr(text.find(' ') + 1));
  if (method == "client_secret_basic") return oauth::ClientSecretBasic{Secret("secret")};
  if (method == "client_secret_post") return oauth::ClientSecretPost{Secret("secret")};
  if (method == "client_secret_jwt") return oauth::ClientSecretJwt{Secret("s"), *algorithm};
  if (method == "private_key_jwt") {
    return oauth::PrivateKeyJwt{SigningKey::Shared(*algorithm, "key").key()};
  }
  if (method == "tls_client_auth") return oauth::TlsClientAuth{};
  if (method == "self_signed_tls_client_auth") {
    return oauth::TlsClientAuth{.trust = oauth::CertificateTrust::kSelfSigned};
  }
  return oauth::NoAuthentication{};
}

// As Authentication takes it.
std::string TextOf(const oauth::ClientAuthentication& authentication) {
  std::string text(oauth::MethodName(authentication));
  if (const auto algorithm = oauth::SigningAlgorithm(authentication)) {
    text.append(" ").append(jose::AlgorithmName(*algorithm));
  }
  return text;
}

class ClientAuthenticationsTest : public ::testing::TestWithParam<MethodsCase> {};

TEST_P(ClientAuthenticationsTest, AreThoseThatTheProviderTakes) {
  oauth::ProviderMetadata metadata;
  metadata.token_endpoint_auth_methods_supported = GetParam().supported;
  metadata.token_endpoint_auth_signing_alg_values_supported = GetParam().algorithms;
  Registration registration = {.client_id = "client"};
  for (const std::string& text : GetParam().configured) {
    registration.authentications.push_back(Authentication(text));
  }
  const auto usable = UsableAuthentications(registration, metadata);
  if (GetParam().usable.empty()) {
    EXPECT_THAT(usable, FailsWith(Reason::kProviderMisconfigured));
    const std::string& first = GetParam().configured[0];
    EXPECT_THAT(MetadataOf(usable.status()),
                AllOf(Contains(Pair("method", first.substr(0, first.find(' ')))),
                      Contains(Pair("supported", GetParam().told))));
    return;
  }
  ASSERT_OK(usable);
  std::vector<std::string> texts;
  for (const auto* authentication : *usable) texts.push_back(TextOf(*authentication));
  EXPECT_THAT(texts, ElementsAreArray(GetParam().usable));
}

const std::string kBasic = "client_secret_basic";
const std::string kPost = "client_secret_post";
const std::string kHs256 = "client_secret_jwt HS256";
const std::string kEs256 = "private_key_jwt ES256";
const std::string kPs256 = "private_key_jwt PS256";
const std::string kTls = "tls_client_auth";
const std::string kSelfSignedTls = "self_signed_tls_client_auth";

INSTANTIATE_TEST_SUITE_P(
    Lists, ClientAuthenticationsTest,
    ::testing::Values(
        // Where there is no metadata document; a document that does not say means
        // client_secret_basic, see ParseProviderMetadata.
        MethodsCase{"AnyWhereNothingIsKnown", {}, {kPost}, {kPost}},
        MethodsCase{"Listed", {kPost, kBasic}, {kBasic}, {kBasic}},
        MethodsCase{"disc_auth_method_default", {kBasic}, {kPost}, {}, {}, kBasic},
        MethodsCase{"NotListed",
                    {kPost, "private_key_jwt"},
                    {kBasic},
                    {},
                    {},
                    "client_secret_post private_key_jwt"},
        MethodsCase{"OneOfTwo", {kPost}, {kBasic, kPost}, {kPost}},
        MethodsCase{"OrderOfTheConfiguration", {kPost, kBasic}, {kBasic, kPost}, {kBasic, kPost}},
        MethodsCase{"PublicClient", {kPost}, {"none"}, {"none"}},
        MethodsCase{"AnyAlgorithmWhereNoneIsListed",
                    {"private_key_jwt"},
                    {kEs256, kPs256},
                    {kEs256, kPs256}},
        MethodsCase{
            "ListedAlgorithm", {"private_key_jwt"}, {kEs256, kPs256}, {kPs256}, {"RS256", "PS256"}},
        MethodsCase{"AlgorithmNotListed",
                    {"private_key_jwt", "client_secret_jwt"},
                    {kHs256},
                    {},
                    {"RS256", "PS256"},
                    "RS256 PS256"},
        MethodsCase{"NoAlgorithmMattersToASecret", {kBasic}, {kBasic}, {kBasic}, {"RS256"}},
        MethodsCase{"Certificate", {kTls}, {kTls}, {kTls}},
        MethodsCase{"CertificateOfTheOtherKind", {kTls}, {kSelfSignedTls}, {}, {}, kTls},
        MethodsCase{"WhatCannotBeTold",
                    {"<b>bold</b>", "with space", std::string(65, 'x'), kPost},
                    {kBasic},
                    {},
                    {},
                    kPost}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace tokenbroker::provider
