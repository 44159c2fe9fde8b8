// What `profile: fapi2` does to a client's configuration.
#include "config/profiles.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>
#include <string>
#include <string_view>

#include "config/config.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/status_matchers.h"
#include "support/temp_dir.h"

namespace tokenbroker::config {
namespace {

using ::testing::ElementsAre;

constexpr std::string_view kJwt =
    "{private_key_jwt: {keys: [{private_key: {file: k}, algorithm: ES256}]}}";
constexpr std::string_view kTls =
    "{tls_client_auth: {certificates: [{certificate_file: c, private_key_file: k}]}}";

// A file whose lines 3 and 8 begin what a test adds to the provider and to the client.
std::string File(std::string_view authentication, std::string_view of_client = "",
                 std::string_view of_provider = "") {
  std::string text = "providers:\n  - {name: op, issuer: \"https://op.example\"\n    ";
  text.append(of_provider).append("}\nclients:\n  - {name: shop, provider: op, client_id: abc,\n");
  text.append("    redirect_uris: [https://shop.example/cb], profile: fapi2,\n");
  text.append("    authentication: ").append(authentication).append("\n    ");
  return text.append(of_client).append("}\n");
}

absl::StatusOr<v1::Client> ClientOf(const std::string& text) {
  auto config = ParseConfig(text, "b.yaml");
  if (!config.ok()) return config.status();
  return config->clients(0);
}

TEST(Profiles, SayWhatFieldsAreThatAreLeftOut) {
  ASSERT_OK_AND_ASSIGN(const v1::Client client, ClientOf(File(kJwt)));
  EXPECT_THAT(client.response_types(), ElementsAre("code"));
  EXPECT_EQ(client.default_response_type(), "code");
  EXPECT_EQ(client.pushed_authorization_requests(), v1::PUSHED_AUTHORIZATION_REQUESTS_ALWAYS);
  EXPECT_EQ(client.authorization_signed_response_alg(), "PS256");
  ASSERT_TRUE(client.has_dpop());
  EXPECT_EQ(client.dpop().signing_algorithm(), "ES256");
  EXPECT_FALSE(client.certificate_bound_access_tokens());
}

TEST(Profiles, BindTokensToTheCertificateThatIsThere) {
  ASSERT_OK_AND_ASSIGN(const v1::Client client, ClientOf(File(kTls)));
  EXPECT_FALSE(client.has_dpop());
  EXPECT_TRUE(client.certificate_bound_access_tokens());
  ASSERT_OK_AND_ASSIGN(const v1::Client proven, ClientOf(File(kTls, ", dpop: {}")));
  EXPECT_TRUE(proven.has_dpop());
  EXPECT_FALSE(proven.certificate_bound_access_tokens());
  ASSERT_OK_AND_ASSIGN(const v1::Client either,
                       ClientOf(File(kTls, ", certificate_bound_access_tokens: false")));
  EXPECT_TRUE(either.has_dpop());
}

TEST(Profiles, LeaveOtherClientsAlone) {
  std::string text = File(kJwt);
  text.replace(text.find(", profile: fapi2"), 16, "");
  ASSERT_OK_AND_ASSIGN(const v1::Client client, ClientOf(text));
  EXPECT_THAT(client.response_types(), ElementsAre("code id_token"));
  EXPECT_FALSE(client.has_dpop());
}

TEST(Profiles, AgreeWithWhatTheyWouldSayThemselves) {
  EXPECT_OK(ClientOf(
      File(kJwt,
           ", response_types: [code], pushed_authorization_requests: always, dpop: "
           "{signing_algorithm: EdDSA}, id_token_signed_response_alg: PS256, response_modes: "
           "[form_post, query.jwt], authorization_signed_response_alg: ES256",
           ", client_assertion_audience: issuer, id_token_signing_algorithms: [RS256, PS256]")));
}

struct Contradiction {
  std::string name;
  std::string text;
  std::string fault;  // without the file's name
};

void PrintTo(const Contradiction& row, std::ostream* os) { *os << row.name; }

std::string NameOf(const ::testing::TestParamInfo<Contradiction>& row) { return row.param.name; }

class ContradictedProfile : public ::testing::TestWithParam<Contradiction> {};

TEST_P(ContradictedProfile, IsRefusedByLineAndPath) {
  EXPECT_EQ(std::string(ClientOf(GetParam().text).status().message()),
            "b.yaml:" + GetParam().fault);
}

constexpr char kAlgorithm[] = ": contradicts profile: fapi2; write PS256, ES256 or EdDSA";
constexpr char kMethod[] =
    "7:21: clients[0].authentication: contradicts profile: fapi2; use private_key_jwt, "
    "tls_client_auth or self_signed_tls_client_auth";
constexpr char kBecause[] = ": contradicts profile: fapi2 of clients[0]";

std::string KeyWith(std::string_view algorithm) {
  return "{private_key_jwt: {keys: [{private_key: {file: k}, algorithm: " + std::string(algorithm) +
         "}]}}";
}

INSTANTIATE_TEST_SUITE_P(
    Fapi2, ContradictedProfile,
    ::testing::Values(
        Contradiction{"HybridFlow", File(kJwt, ", response_types: [code, code id_token]"),
                      "8:30: clients[0].response_types[1]: contradicts profile: fapi2; write "
                      "response_types: [code]"},
        Contradiction{"FrontChannelToken", File(kJwt, ", expose_front_channel_access_token: true"),
                      "8:42: clients[0].expose_front_channel_access_token: contradicts profile: "
                      "fapi2, in which no token comes through the browser; remove it"},
        Contradiction{"RequestsThroughTheBrowser",
                      File(kJwt, ", pushed_authorization_requests: when_offered"),
                      "8:38: clients[0].pushed_authorization_requests: contradicts profile: fapi2; "
                      "write always, or remove it"},
        Contradiction{"PublicClient", File("{none: {}}"), kMethod},
        Contradiction{"SecretInTheHeader", File("{client_secret_basic: {secrets: [{env: S}]}}"),
                      kMethod},
        Contradiction{"SecretInTheBody", File("{client_secret_post: {secrets: [{env: S}]}}"),
                      kMethod},
        Contradiction{"SecretThatSigns", File("{client_secret_jwt: {secrets: [{env: S}]}}"),
                      kMethod},
        Contradiction{"AssertionByRs256", File(KeyWith("RS256")),
                      "7:83: clients[0].authentication.private_key_jwt.keys[0].algorithm" +
                          std::string(kAlgorithm)},
        Contradiction{"AssertionByEs384", File(KeyWith("ES384")),
                      "7:83: clients[0].authentication.private_key_jwt.keys[0].algorithm" +
                          std::string(kAlgorithm)},
        Contradiction{"ProofByRs256", File(kJwt, ", dpop: {signing_algorithm: RS256}"),
                      "8:33: clients[0].dpop.signing_algorithm" + std::string(kAlgorithm)},
        Contradiction{"IdTokenByRs256", File(kJwt, ", id_token_signed_response_alg: RS256"),
                      "8:37: clients[0].id_token_signed_response_alg" + std::string(kAlgorithm)},
        Contradiction{"UserInfoByRs512", File(kJwt, ", userinfo_signed_response_alg: RS512"),
                      "8:37: clients[0].userinfo_signed_response_alg" + std::string(kAlgorithm)},
        Contradiction{
            "ResponseByRs256", File(kJwt, ", authorization_signed_response_alg: RS256"),
            "8:42: clients[0].authorization_signed_response_alg" + std::string(kAlgorithm)},
        Contradiction{
            "RequestByRs256",
            File(kJwt, ", request_object_key: {private_key: {file: k}, algorithm: RS256}"),
            "8:63: clients[0].request_object_key.algorithm" + std::string(kAlgorithm)},
        Contradiction{"FixedEndpoints",
                      File(kJwt, "",
                           ", discovery: false, endpoints: {authorization_endpoint: "
                           "\"https://op/a\", token_endpoint: \"https://op/t\", jwks_uri: "
                           "\"https://op/j\"}"),
                      "3:18: providers[0].discovery" + std::string(kBecause) +
                          ", which has the provider's metadata from discovery alone; remove it"},
        Contradiction{"PlainHttp", File(kJwt, "", ", allow_loopback_http: true"),
                      "3:28: providers[0].allow_loopback_http" + std::string(kBecause) +
                          ", which is for TLS alone; remove it"},
        Contradiction{"AssertionForTheEndpoint",
                      File(kJwt, "", ", client_assertion_audience: token_endpoint"),
                      "3:34: providers[0].client_assertion_audience" + std::string(kBecause) +
                          "; write issuer, or remove it"},
        Contradiction{"NoCommonAlgorithm",
                      File(kJwt, "", ", id_token_signing_algorithms: [RS256, ES384]"),
                      "3:36: providers[0].id_token_signing_algorithms" + std::string(kBecause) +
                          "; add PS256, ES256 or EdDSA"},
        Contradiction{"ExchangeOfBoundTokens", File(kJwt, ", token_exchange: true"),
                      "8:23: clients[0].token_exchange: contradicts dpop: nobody would have the "
                      "key of an exchanged token"},
        Contradiction{"BoundToNoCertificate", File(kJwt, ", certificate_bound_access_tokens: true"),
                      "8:40: clients[0].certificate_bound_access_tokens: needs tls_client_auth or "
                      "self_signed_tls_client_auth; give the client one of them, or bind its "
                      "tokens with dpop"}),
    NameOf);

TEST(Profiles, WantEd25519OfEdDsa) {
  const testing::TempDir folder;
  for (const char* type : {"ED25519", "ED448"}) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        EVP_PKEY_Q_keygen(nullptr, nullptr, type), EVP_PKEY_free);
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    char* bytes = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &bytes);
    folder.Write("k", std::string_view(bytes, static_cast<std::size_t>(length)));
    const std::string path = folder.Write("b.yaml", File(KeyWith("EdDSA")));
    const absl::Status loaded = LoadConfig(path).status();
    if (std::string_view(type) == "ED25519") {
      EXPECT_OK(loaded);
    } else {
      EXPECT_EQ(std::string(loaded.message()),
                path +
                    ":7:61: clients[0].authentication.private_key_jwt.keys[0].private_key: "
                    "contradicts profile: fapi2, whose EdDSA keys are Ed25519; one is made with: "
                    "openssl genpkey -algorithm ED25519");
    }
  }
}

}  // namespace
}  // namespace tokenbroker::config
