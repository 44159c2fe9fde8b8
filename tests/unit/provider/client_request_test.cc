// How a client proves itself on every request that goes to its provider.
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "jose/jws.h"
#include "oauth/form.h"
#include "provider/http_provider.h"
#include "support/signing_key.h"
#include "support/status_matchers.h"
#include "unit/provider/provider_fixture.h"

namespace tokenbroker::provider {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::tokenbroker::testing::FailsWith;
using ::tokenbroker::testing::JsonResponse;
using ::tokenbroker::testing::RecordedRequest;
using ::tokenbroker::testing::SigningKey;

constexpr char kTokens[] = R"({"access_token":"at","token_type":"Bearer","expires_in":300})";
constexpr char kRefused[] = R"({"error":"invalid_client"})";
constexpr std::string_view kTokenAlias = "https://mtls.op.example/token";
constexpr std::string_view kRevocationAlias = "https://mtls.op.example/revoke";
constexpr std::string_view kUserInfoAlias = "https://mtls.op.example/userinfo";

oauth::AuthorizationGrant Code() {
  return oauth::AuthorizationCode{.code = Secret("code"),
                                  .redirect_uri = "https://app.example/cb",
                                  .code_verifier = Secret("verifier")};
}
oauth::AuthorizationGrant Refresh() { return oauth::RefreshToken{.refresh_token = Secret("rt")}; }

oauth::TlsClientAuth Certificate(const std::string& name) {
  return {.trust = oauth::CertificateTrust::kSelfSigned,
          .certificate_file = name + ".pem",
          .private_key_file = name + ".key"};
}

std::string Assertion(const RecordedRequest& request) {
  const auto fields = oauth::ParseForm(request.body);
  for (const oauth::FormField& field : *fields) {
    if (field.name == "client_assertion") return std::string(field.value.Reveal());
  }
  return "";
}

std::vector<std::string> CertificatesOf(const std::vector<RecordedRequest>& requests) {
  std::vector<std::string> files;
  for (const RecordedRequest& request : requests) files.push_back(request.certificate_file);
  return files;
}

class ClientRequestTest : public ProviderFixture {
 protected:
  ClientRequestTest() {
    document_ = DiscoveryDocument();
    document_["token_endpoint_auth_methods_supported"] = {"private_key_jwt",
                                                          "self_signed_tls_client_auth"};
    document_["mtls_endpoint_aliases"] = {{"token_endpoint", kTokenAlias},
                                          {"revocation_endpoint", kRevocationAlias},
                                          {"userinfo_endpoint", kUserInfoAlias}};
    http_.AnswerWith(kDiscoveryUrl,
                     [this](const auto&) { return JsonResponse(200, document_.dump()); });
  }

  void UseKeys() {
    registration_.authentications.emplace_back(oauth::PrivateKeyJwt{new_key_.key()});
    registration_.authentications.emplace_back(oauth::PrivateKeyJwt{old_key_.key()});
  }
  void UseCertificates() {
    registration_.authentications.emplace_back(Certificate("new"));
    registration_.authentications.emplace_back(Certificate("old"));
  }

  absl::StatusOr<oauth::TokenResponse> RequestToken(oauth::AuthorizationGrant grant) {
    if (!provider_) {
      provider_ = std::make_unique<HttpProvider>(runtime_, http_, clock_, log_, options_);
    }
    return RunBlocking(runtime_, provider_->RequestToken(registration_, std::move(grant), nullptr,
                                                         Permit(), Soon()));
  }
  absl::Status Revoke() {
    provider_ = std::make_unique<HttpProvider>(runtime_, http_, clock_, log_, options_);
    return RunBlocking(runtime_,
                       provider_->Revoke(registration_, Secret("rt"), "refresh_token", Soon()));
  }
  absl::StatusOr<Json> FetchUserInfo() {
    provider_ = std::make_unique<HttpProvider>(runtime_, http_, clock_, log_, options_);
    return RunBlocking(
        runtime_, provider_->FetchUserInfo(registration_, Secret("at"), nullptr, "alice", Soon()));
  }

  // The claims of the assertion in `request`, which `key` signed.
  static Json ClaimsOf(const RecordedRequest& request, const SigningKey& key) {
    const auto verified =
        jose::VerifyJws(Assertion(request), key.Set(), {.algorithms = {key.key().algorithm()}});
    EXPECT_OK(verified);
    return verified.ok() ? *jose::ParseClaims(*verified) : Json();
  }

  const SigningKey new_key_ = SigningKey::Shared(jose::Algorithm::kES256, "new");
  const SigningKey old_key_ = SigningKey::Shared(jose::Algorithm::kES256, "old");
  Json document_;
  HttpProviderOptions options_ = {
      .name = "op", .issuer = std::string(kIssuerUrl), .retry_pause = absl::ZeroDuration()};
  Registration registration_ = {.client_id = "client"};
  std::unique_ptr<HttpProvider> provider_;
};

// `tok-private-key-jwt`, `disc-token-endpoint-of-other-op`
TEST_F(ClientRequestTest, AssertionIsForTheIssuerWhereverTheTokenEndpointIs) {
  UseKeys();
  document_["token_endpoint"] = "https://other.example/token";
  http_.Enqueue("https://other.example/token", JsonResponse(200, kTokens));
  ASSERT_OK(RequestToken(Code()));
  const auto requests = http_.requests_for("https://other.example/token");
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(ClaimsOf(requests[0], new_key_)["aud"], kIssuerUrl);
}

TEST_F(ClientRequestTest, AssertionIsForTheTokenEndpointWhereTheProviderInsists) {
  UseKeys();
  options_.assertion_audience = AssertionAudience::kTokenEndpoint;
  http_.Enqueue(kRevocationUrl, JsonResponse(200, ""));
  ASSERT_OK(Revoke());
  EXPECT_EQ(ClaimsOf(http_.requests_for(kRevocationUrl)[0], new_key_)["aud"], kTokenUrl);
}

TEST_F(ClientRequestTest, AssertionIsANewOneForEveryAttempt) {
  UseKeys();
  // The first never arrives, the second is refused, the third is signed with the other key.
  http_.Enqueue(kTokenUrl, WithDelivery(Error(Reason::kProviderUnavailable),
                                        tokenbroker::Delivery::kNotSent, "connect"));
  http_.Enqueue(kTokenUrl, JsonResponse(401, kRefused));
  http_.Enqueue(kTokenUrl, JsonResponse(200, kTokens));
  ASSERT_OK(RequestToken(Refresh()));
  const auto requests = http_.requests_for(kTokenUrl);
  ASSERT_THAT(requests, SizeIs(3));
  std::set<std::string> ids = {ClaimsOf(requests[0], new_key_)["jti"],
                               ClaimsOf(requests[1], new_key_)["jti"],
                               ClaimsOf(requests[2], old_key_)["jti"]};
  EXPECT_THAT(ids, SizeIs(3));
}

TEST_F(ClientRequestTest, SendsACodeWithTheFirstKeyAlone) {
  UseKeys();
  http_.AnswerWith(kTokenUrl, [](const auto&) { return JsonResponse(401, kRefused); });
  EXPECT_THAT(RequestToken(Code()), FailsWith(Reason::kProviderRejectedClient));
  EXPECT_THAT(http_.requests_for(kTokenUrl), SizeIs(1));
}

TEST_F(ClientRequestTest, SendsNothingThatTheProviderDoesNotTake) {
  UseKeys();
  document_["token_endpoint_auth_signing_alg_values_supported"] = {"RS256"};
  const auto tokens = RequestToken(Refresh());
  EXPECT_THAT(tokens, FailsWith(Reason::kProviderMisconfigured));
  EXPECT_THAT(MetadataOf(tokens.status()),
              AllOf(Contains(Pair("algorithm", "ES256")), Contains(Pair("supported", "RS256")),
                    Contains(Pair("provider", "op"))));
  EXPECT_EQ(DeliveryOf(tokens.status()), Delivery::kNotSent);
  EXPECT_THAT(Revoke(), FailsWith(Reason::kProviderMisconfigured));
  EXPECT_THAT(http_.requests_for(kTokenUrl), IsEmpty());
  EXPECT_THAT(http_.requests_for(kRevocationUrl), IsEmpty());
}

TEST_F(ClientRequestTest, ShowsItsCertificateAtTheAliases) {
  // RFC 8705 sections 2 and 5
  UseCertificates();
  http_.Enqueue(kTokenAlias, JsonResponse(200, kTokens));
  http_.Enqueue(kRevocationAlias, JsonResponse(200, ""));
  http_.Enqueue(kUserInfoAlias, JsonResponse(200, R"({"sub":"alice"})"));
  EXPECT_OK(RequestToken(Code()));
  EXPECT_OK(Revoke());
  EXPECT_OK(FetchUserInfo());
  for (const std::string_view url : {kTokenAlias, kRevocationAlias, kUserInfoAlias}) {
    EXPECT_THAT(CertificatesOf(http_.requests_for(url)), ElementsAre("new.pem")) << url;
  }
}

TEST_F(ClientRequestTest, ShowsItsCertificateWhereThereAreNoAliases) {
  UseCertificates();
  document_.erase("mtls_endpoint_aliases");
  http_.Enqueue(kTokenUrl, JsonResponse(200, kTokens));
  EXPECT_OK(RequestToken(Refresh()));
  EXPECT_THAT(CertificatesOf(http_.requests_for(kTokenUrl)), ElementsAre("new.pem"));
}

TEST_F(ClientRequestTest, ShowsNoCertificateForDocumentsAndNoneOfAnotherMethod) {
  UseKeys();
  http_.Enqueue(kTokenUrl, JsonResponse(200, kTokens));
  EXPECT_OK(RequestToken(Refresh()));
  EXPECT_THAT(CertificatesOf(http_.requests()), ElementsAre("", ""));
}

TEST_F(ClientRequestTest, TriesTheNextCertificateWhereTheClientIsRefused) {
  UseCertificates();
  http_.Enqueue(kTokenAlias, JsonResponse(401, kRefused));
  http_.Enqueue(kTokenAlias, JsonResponse(200, kTokens));
  EXPECT_OK(RequestToken(Refresh()));
  EXPECT_THAT(CertificatesOf(http_.requests_for(kTokenAlias)), ElementsAre("new.pem", "old.pem"));
}

TEST_F(ClientRequestTest, TriesTheNextCertificateForATokenThatIsBoundToIt) {
  UseCertificates();
  http_.Enqueue(kUserInfoAlias, JsonResponse(401, R"({"error":"invalid_token"})"));
  http_.Enqueue(kUserInfoAlias, JsonResponse(200, R"({"sub":"alice"})"));
  EXPECT_OK(FetchUserInfo());
  EXPECT_THAT(CertificatesOf(http_.requests_for(kUserInfoAlias)),
              ElementsAre("new.pem", "old.pem"));
}

TEST_F(ClientRequestTest, SendsNothingWhereNoCertificateCanBeShown) {
  UseCertificates();
  document_.erase("mtls_endpoint_aliases");
  document_["token_endpoint"] = "http://127.0.0.1/token";
  options_.scheme = oauth::HttpScheme::kHttpOnLoopbackToo;
  const auto tokens = RequestToken(Refresh());
  EXPECT_THAT(tokens, FailsWith(Reason::kProviderMisconfigured));
  EXPECT_EQ(DeliveryOf(tokens.status()), Delivery::kNotSent);
  EXPECT_THAT(http_.requests_for("http://127.0.0.1/token"), IsEmpty());
}

}  // namespace
}  // namespace tokenbroker::provider
