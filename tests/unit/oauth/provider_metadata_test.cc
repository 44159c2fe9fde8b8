#include "oauth/provider_metadata.h"

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "gmock/gmock.h"
#include "support/status_matchers.h"

namespace tokenbroker::oauth {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::IsEmpty;
using testing::IsOk;

constexpr std::string_view kIssuer = "https://op.example/t1";

Json GoodDocument() {
  return {{"issuer", kIssuer},
          {"authorization_endpoint", "https://op.example/t1/authorize?p=x"},
          {"token_endpoint", "https://op.example/t1/token"},
          {"jwks_uri", "https://cdn.example/keys/8f1c"}};
}

absl::StatusOr<ProviderMetadata> Parse(const Json& document,
                                       HttpScheme scheme = HttpScheme::kHttpsOnly) {
  return ParseProviderMetadata(document.dump(), kIssuer, scheme);
}

void ExpectRefused(const absl::StatusOr<ProviderMetadata>& metadata, std::string_view member) {
  EXPECT_THAT(metadata, FailsWith(Reason::kProviderMisconfigured)) << member;
  EXPECT_EQ(MetadataOf(metadata.status())["member"], member);
}

TEST(DiscoveryUrl, FollowsTheIssuersPath) {
  // Discovery 1.0 section 4.1; disc-issuer-path
  EXPECT_EQ(DiscoveryUrl("https://op.example"),
            "https://op.example/.well-known/openid-configuration");
  EXPECT_EQ(DiscoveryUrl("https://op.example/"),
            "https://op.example/.well-known/openid-configuration");
  EXPECT_EQ(DiscoveryUrl("https://op.example/t1"),
            "https://op.example/t1/.well-known/openid-configuration");
}

TEST(ProviderMetadata, IsReadWithEveryMember) {
  // disc-happy
  Json document = GoodDocument();
  document["userinfo_endpoint"] = "https://op.example/userinfo";
  document["revocation_endpoint"] = "https://op.example/revoke";
  document["introspection_endpoint"] = "https://op.example/introspect";
  document["end_session_endpoint"] = "https://op.example/logout";
  document["pushed_authorization_request_endpoint"] = "https://op.example/par";
  document["authorization_response_iss_parameter_supported"] = true;
  document["require_pushed_authorization_requests"] = true;
  document["require_signed_request_object"] = true;
  document["request_object_signing_alg_values_supported"] = {"PS256", "ES256"};
  document["response_types_supported"] = {"code", "code id_token"};
  document["response_modes_supported"] = {"form_post"};
  document["token_endpoint_auth_methods_supported"] = {"client_secret_post"};
  document["id_token_signing_alg_values_supported"] = {"none", "RS256"};
  document["dpop_signing_alg_values_supported"] = {"ES256"};
  document["unknown"] = {{"x", 1}};
  ASSERT_OK_AND_ASSIGN(const ProviderMetadata metadata, Parse(document));
  EXPECT_EQ(metadata.issuer, kIssuer);
  EXPECT_EQ(metadata.authorization_endpoint, "https://op.example/t1/authorize?p=x");
  EXPECT_EQ(metadata.token_endpoint, "https://op.example/t1/token");
  EXPECT_EQ(metadata.jwks_uri, "https://cdn.example/keys/8f1c");
  EXPECT_EQ(metadata.userinfo_endpoint, "https://op.example/userinfo");
  EXPECT_EQ(metadata.revocation_endpoint, "https://op.example/revoke");
  EXPECT_EQ(metadata.introspection_endpoint, "https://op.example/introspect");
  EXPECT_EQ(metadata.end_session_endpoint, "https://op.example/logout");
  EXPECT_EQ(metadata.pushed_authorization_request_endpoint, "https://op.example/par");
  EXPECT_TRUE(metadata.authorization_response_iss_parameter_supported);
  EXPECT_TRUE(metadata.require_pushed_authorization_requests);
  EXPECT_TRUE(metadata.require_signed_request_object);
  EXPECT_THAT(metadata.request_object_signing_alg_values_supported, ElementsAre("PS256", "ES256"));
  EXPECT_THAT(metadata.response_types_supported, ElementsAre("code", "code id_token"));
  EXPECT_THAT(metadata.response_modes_supported, ElementsAre("form_post"));
  EXPECT_THAT(metadata.token_endpoint_auth_methods_supported, ElementsAre("client_secret_post"));
  EXPECT_THAT(metadata.id_token_signing_alg_values_supported, ElementsAre("none", "RS256"));
  EXPECT_THAT(metadata.dpop_signing_alg_values_supported, ElementsAre("ES256"));
}

TEST(ProviderMetadata, MaySayLittle) {
  // disc-auth-method-default
  Json document = GoodDocument();
  document["userinfo_endpoint"] = nullptr;
  ASSERT_OK_AND_ASSIGN(const ProviderMetadata metadata, Parse(document));
  EXPECT_FALSE(metadata.userinfo_endpoint);
  EXPECT_FALSE(metadata.authorization_response_iss_parameter_supported);
  EXPECT_FALSE(metadata.require_pushed_authorization_requests);
  EXPECT_FALSE(metadata.require_signed_request_object);
  EXPECT_FALSE(metadata.mtls_endpoint_aliases.token_endpoint);
  // disc-auth-method-default
  EXPECT_THAT(metadata.token_endpoint_auth_methods_supported, ElementsAre("client_secret_basic"));
  EXPECT_THAT(metadata.token_endpoint_auth_signing_alg_values_supported, IsEmpty());
}

TEST(ProviderMetadata, MayHaveAliasesForClientsWithACertificate) {
  // RFC 8705 section 5
  Json document = GoodDocument();
  document["token_endpoint_auth_signing_alg_values_supported"] = {"ES256"};
  document["mtls_endpoint_aliases"] = {
      {"token_endpoint", "https://mtls.op.example/token"},
      {"userinfo_endpoint", "https://mtls.op.example/userinfo"},
      {"revocation_endpoint", "https://mtls.op.example/revoke"},
      {"introspection_endpoint", "https://mtls.op.example/introspect"},
      {"pushed_authorization_request_endpoint", "https://mtls.op.example/par"},
      {"device_authorization_endpoint", 7}};
  ASSERT_OK_AND_ASSIGN(const ProviderMetadata metadata, Parse(document));
  const MtlsEndpointAliases& aliases = metadata.mtls_endpoint_aliases;
  EXPECT_EQ(aliases.token_endpoint, "https://mtls.op.example/token");
  EXPECT_EQ(aliases.userinfo_endpoint, "https://mtls.op.example/userinfo");
  EXPECT_EQ(aliases.revocation_endpoint, "https://mtls.op.example/revoke");
  EXPECT_EQ(aliases.introspection_endpoint, "https://mtls.op.example/introspect");
  EXPECT_EQ(aliases.pushed_authorization_request_endpoint, "https://mtls.op.example/par");
  EXPECT_THAT(metadata.token_endpoint_auth_signing_alg_values_supported, ElementsAre("ES256"));

  document["mtls_endpoint_aliases"] = {{"token_endpoint", "http://mtls.op.example/token"}};
  ExpectRefused(Parse(document), "mtls_endpoint_aliases.token_endpoint");
  document["mtls_endpoint_aliases"] = {"https://mtls.op.example/token"};
  ExpectRefused(Parse(document), "mtls_endpoint_aliases");
}

TEST(ProviderMetadata, LacksNothingThatIsRequired) {
  // disc-missing-required
  for (const char* member : {"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"}) {
    for (const std::optional<Json>& value :
         {std::optional<Json>(), std::optional<Json>(nullptr), std::optional<Json>(7),
          std::optional<Json>(""), std::optional<Json>(Json::array({"https://op.example"}))}) {
      Json document = GoodDocument();
      if (value) {
        document[member] = *value;
      } else {
        document.erase(member);
      }
      ExpectRefused(Parse(document), member);
    }
  }
}

TEST(ProviderMetadata, IsOfTheIssuerExactly) {
  // Discovery 1.0 section 4.3
  for (const char* issuer :
       {"https://op.example/t1/", "https://op.example/t2", "https://op.example",
        "https://OP.example/t1", "https://op.example/t1 "}) {
    Json document = GoodDocument();
    document["issuer"] = issuer;
    ExpectRefused(Parse(document), "issuer");
  }
}

TEST(ProviderMetadata, HasAnIssuerThatIsAnUrl) {
  // Discovery 1.0 section 3
  for (const std::string issuer : {"op.example", "http://op.example", "https://op.example?x",
                                   "https://op.example#x", "https://u@op.example", ""}) {
    Json document = GoodDocument();
    document["issuer"] = issuer;
    ExpectRefused(ParseProviderMetadata(document.dump(), issuer, HttpScheme::kHttpsOnly), "issuer");
  }
}

TEST(ProviderMetadata, HasSafeEndpoints) {
  // disc-endpoint-scheme
  for (const char* member : {"authorization_endpoint", "token_endpoint", "jwks_uri",
                             "userinfo_endpoint", "revocation_endpoint", "introspection_endpoint",
                             "end_session_endpoint", "pushed_authorization_request_endpoint"}) {
    for (const char* url :
         {"http://op.example/x", "http://127.0.0.1/x", "file:///etc/passwd", "gopher://op.example/",
          "/token", "//op.example/x", "https:/x", "https:///x", "https://user@op.example/x",
          "https://op.example/x#f", "https://op.example/x#", "https://op.example/\n",
          "https://op.example\\@evil/", "javascript:alert(1)"}) {
      Json document = GoodDocument();
      document[member] = url;
      ExpectRefused(Parse(document), member);
    }
  }
}

TEST(ProviderMetadata, MayUseHttpOnLoopbackWhereAllowed) {
  for (const char* url : {"http://127.0.0.1:9000/token", "http://localhost/token",
                          "http://[::1]:9000/token", "https://op.example/token"}) {
    Json document = GoodDocument();
    document["token_endpoint"] = url;
    EXPECT_THAT(Parse(document, HttpScheme::kHttpOnLoopbackToo), IsOk()) << url;
  }
  for (const char* url :
       {"http://op.example/token", "http://localhost.evil/", "ftp://localhost/"}) {
    Json document = GoodDocument();
    document["token_endpoint"] = url;
    ExpectRefused(Parse(document, HttpScheme::kHttpOnLoopbackToo), "token_endpoint");
  }
}

TEST(ProviderMetadata, HasMembersOfTheirTypes) {
  struct {
    const char* member;
    Json value;
  } const rows[] = {
      {"userinfo_endpoint", 7},
      {"authorization_response_iss_parameter_supported", "true"},
      {"authorization_response_iss_parameter_supported", 1},
      {"require_pushed_authorization_requests", "true"},
      {"require_signed_request_object", 1},
      {"request_object_signing_alg_values_supported", "PS256"},
      {"response_types_supported", "code"},
      {"response_types_supported", {"code", 7}},
      {"token_endpoint_auth_methods_supported", Json::object()},
      {"id_token_signing_alg_values_supported", {{"RS256", true}}},
      {"dpop_signing_alg_values_supported", "ES256"},
  };
  for (const auto& row : rows) {
    Json document = GoodDocument();
    document[row.member] = row.value;
    ExpectRefused(Parse(document), row.member);
  }
}

TEST(ProviderMetadata, OffersAnAlgorithmThatCanBeVerified) {
  // disc-alg-list-none
  for (const Json& list :
       {Json::array({"none", "HS256"}), Json::array({"none"}), Json::array({"rs256", "ES256K"})}) {
    Json document = GoodDocument();
    document["id_token_signing_alg_values_supported"] = list;
    ExpectRefused(Parse(document), "id_token_signing_alg_values_supported");
  }
  Json document = GoodDocument();
  document["id_token_signing_alg_values_supported"] = {"none", "HS256", "EdDSA"};
  EXPECT_THAT(Parse(document), IsOk());
}

TEST(ProviderMetadata, IsOneStrictJsonObject) {
  // disc-duplicate-keys, disc-oversize
  const std::string twice = R"({"issuer":"https://evil",)" + GoodDocument().dump().substr(1);
  const std::string deep = "{\"x\":" + std::string(100000, '[') + std::string(100000, ']') + "}";
  const std::string large = "{\"x\":\"" + std::string(20 << 20, 'x') + "\"}";
  for (const std::string& text : {std::string(), std::string("[]"), std::string("<html>"), twice,
                                  deep, large, GoodDocument().dump() + "{}"}) {
    ExpectRefused(ParseProviderMetadata(text, kIssuer, HttpScheme::kHttpsOnly), "document");
  }
}

}  // namespace
}  // namespace tokenbroker::oauth
