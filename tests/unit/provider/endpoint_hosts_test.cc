#include "provider/endpoint_hosts.h"

#include <functional>
#include <ostream>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/status_matchers.h"

namespace tokenbroker::provider {
namespace {

using ::testing::Contains;
using ::testing::Pair;
using ::tokenbroker::testing::FailsWith;

oauth::ProviderMetadata Before() {
  oauth::ProviderMetadata metadata;
  metadata.issuer = "https://accounts.example";
  metadata.authorization_endpoint = "https://accounts.example/authorize";
  metadata.token_endpoint = "https://tokens.example/token";
  metadata.jwks_uri = "https://keys.example/jwks";
  return metadata;
}

struct MoveCase {
  std::string name;
  std::function<void(oauth::ProviderMetadata&)> move;
  std::string refused_member;  // "" where the move is taken
};

void PrintTo(const MoveCase& row, std::ostream* os) { *os << row.name; }

class EndpointHostsTest : public ::testing::TestWithParam<MoveCase> {};

// `ref-token-endpoint-moved`, `disc-changed-mid-login`
TEST_P(EndpointHostsTest, AreThoseKnownBefore) {
  oauth::ProviderMetadata now = Before();
  GetParam().move(now);
  const absl::Status status = CheckEndpointHosts(now, Before(), {"Spare.Example"});
  if (GetParam().refused_member.empty()) {
    EXPECT_OK(status);
  } else {
    EXPECT_THAT(status, FailsWith(Reason::kProviderMisconfigured));
    EXPECT_THAT(MetadataOf(status), Contains(Pair("member", GetParam().refused_member)));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Moves, EndpointHostsTest,
    ::testing::Values(
        MoveCase{"None", [](auto&) {}, ""},
        MoveCase{"OtherPath", [](auto& now) { now.token_endpoint = "https://tokens.example/v2"; },
                 ""},
        MoveCase{"ToTheIssuersHost",
                 [](auto& now) { now.token_endpoint = "https://accounts.example/token"; }, ""},
        MoveCase{"ToAnotherEndpointsHost",
                 [](auto& now) { now.token_endpoint = "https://KEYS.example/token"; }, ""},
        MoveCase{"ToATrustedHost",
                 [](auto& now) { now.token_endpoint = "https://spare.example:8443/token"; }, ""},
        MoveCase{"TokenEndpoint",
                 [](auto& now) { now.token_endpoint = "https://evil.example/token"; },
                 "token_endpoint"},
        MoveCase{"AliasOnAKnownHost",
                 [](auto& now) {
                   now.mtls_endpoint_aliases.token_endpoint = "https://tokens.example:8443/token";
                 },
                 ""},
        MoveCase{"AliasForClientsWithACertificate",
                 [](auto& now) {
                   now.mtls_endpoint_aliases.token_endpoint = "https://evil.example/token";
                 },
                 "mtls_endpoint_aliases.token_endpoint"},
        MoveCase{"TokenEndpointWithAKnownHostInItsPath",
                 [](auto& now) { now.token_endpoint = "https://evil.example/tokens.example"; },
                 "token_endpoint"},
        MoveCase{"TokenEndpointToASubdomain",
                 [](auto& now) { now.token_endpoint = "https://a.tokens.example/token"; },
                 "token_endpoint"},
        MoveCase{"Keys", [](auto& now) { now.jwks_uri = "https://evil.example/jwks"; }, "jwks_uri"},
        MoveCase{"AuthorizationEndpoint",
                 [](auto& now) { now.authorization_endpoint = "https://evil.example/authorize"; },
                 "authorization_endpoint"},
        MoveCase{"NewEndpoint",
                 [](auto& now) { now.revocation_endpoint = "https://evil.example/revoke"; },
                 "revocation_endpoint"}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace tokenbroker::provider
