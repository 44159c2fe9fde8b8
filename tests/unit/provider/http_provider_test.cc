#include "provider/http_provider.h"

#include "base/error.h"
#include "gmock/gmock.h"
#include "support/encrypt_jwe.h"
#include "support/signing_key.h"
#include "support/status_matchers.h"
#include "unit/provider/gate.h"
#include "unit/provider/provider_fixture.h"

namespace tokenbroker::provider {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Optional;
using ::testing::Pair;
using ::testing::SizeIs;
using ::tokenbroker::testing::FailsWith;
using ::tokenbroker::testing::IsOk;
using ::tokenbroker::testing::IsOkAndHolds;
using ::tokenbroker::testing::JsonResponse;
using ::tokenbroker::testing::JwkSetText;
using ::tokenbroker::testing::SigningKey;

constexpr char kTokensOfCode[] = R"({"access_token":"at","token_type":"Bearer","expires_in":300})";

oauth::AuthorizationGrant Code() {
  return oauth::AuthorizationCode{.code = Secret("code"),
                                  .redirect_uri = "https://app.example/cb",
                                  .code_verifier = Secret("verifier")};
}
oauth::AuthorizationGrant Refresh() { return oauth::RefreshToken{.refresh_token = Secret("rt")}; }

// As HttpClient::Send fails.
absl::Status NetError(Reason reason, tokenbroker::Delivery delivery, std::string_view cause) {
  return WithDelivery(Error(reason), delivery, cause);
}
absl::Status NotSent() {
  return NetError(Reason::kProviderUnavailable, tokenbroker::Delivery::kNotSent, "connect");
}
absl::Status Lost() {
  return NetError(Reason::kProviderUnavailable, tokenbroker::Delivery::kUnknown, "reset");
}

class HttpProviderTest : public ProviderFixture {
 protected:
  HttpProviderTest() {
    registration_.authentications.push_back(oauth::ClientSecretBasic{Secret("new-secret")});
    registration_.authentications.push_back(oauth::ClientSecretBasic{Secret("old-secret")});
    Discover(DiscoveryDocument());
  }

  void Discover(const Json& document) {
    http_.AnswerWith(kDiscoveryUrl,
                     [document](const auto&) { return JsonResponse(200, document.dump()); });
  }
  void DiscoverWithout(std::string_view member) {
    Json document = DiscoveryDocument();
    document.erase(std::string(member));
    Discover(document);
  }

  static HttpProviderOptions Options() {
    return {.name = "op", .issuer = std::string(kIssuerUrl), .retry_pause = absl::ZeroDuration()};
  }

  absl::StatusOr<oauth::TokenResponse> RequestToken(oauth::AuthorizationGrant grant) {
    return RunBlocking(runtime_, provider_.RequestToken(registration_, std::move(grant), nullptr,
                                                        Permit(), Soon()));
  }
  absl::Status Revoke() {
    return RunBlocking(runtime_,
                       provider_.Revoke(registration_, Secret("rt"), "refresh_token", Soon()));
  }
  absl::StatusOr<Json> FetchUserInfo() {
    return RunBlocking(
        runtime_, provider_.FetchUserInfo(registration_, Secret("at"), nullptr, "alice", Soon()));
  }
  std::size_t TokenRequests() { return http_.requests_for(kTokenUrl).size(); }

  Registration registration_ = {.client_id = "client"};
  HttpProvider provider_{runtime_, http_, clock_, log_, Options()};
};

TEST_F(HttpProviderTest, AsksNothingOfItsProviderBeforeItsFirstUse) {
  EXPECT_EQ(provider_.name(), "op");
  EXPECT_EQ(provider_.issuer(), kIssuerUrl);
  EXPECT_THAT(http_.requests(), IsEmpty());
}

// `tok-happy-request-shape`
TEST_F(HttpProviderTest, SendsTheTokenRequestAsAForm) {
  http_.Enqueue(kTokenUrl, JsonResponse(200, kTokensOfCode));
  ASSERT_OK_AND_ASSIGN(const oauth::TokenResponse tokens, RequestToken(Code()));
  EXPECT_EQ(tokens.access_token.Reveal(), "at");
  const auto requests = http_.requests_for(kTokenUrl);
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].method, "POST");
  EXPECT_THAT(requests[0].headers,
              AllOf(Contains(Pair("content-type", "application/x-www-form-urlencoded")),
                    Contains(Pair("accept", "application/json")), Contains(Key("authorization"))));
  EXPECT_THAT(requests[0].body,
              AllOf(HasSubstr("grant_type=authorization_code"), HasSubstr("code=code"),
                    HasSubstr("code_verifier=verifier"), Not(HasSubstr("secret"))));
}

// `tok-retry-before-send`
TEST_F(HttpProviderTest, SendsOnceMoreWhatProvablyWasNotSent) {
  http_.Enqueue(kTokenUrl, NotSent());
  http_.Enqueue(kTokenUrl, JsonResponse(200, kTokensOfCode));
  EXPECT_OK(RequestToken(Code()));
}

TEST_F(HttpProviderTest, SendsOnlyOnceMore) {
  http_.AnswerWith(kTokenUrl, [](const auto&) { return NotSent(); });
  const auto tokens = RequestToken(Code());
  EXPECT_THAT(tokens, FailsWith(Reason::kProviderUnavailable));
  EXPECT_EQ(DeliveryOf(tokens.status()), Delivery::kNotSent);
  EXPECT_TRUE(RetryAfterOf(tokens.status()));
  EXPECT_EQ(TokenRequests(), 2);
}

// `tok-no-blind-retry`
TEST_F(HttpProviderTest, NeverRepeatsWhatMayHaveBeenActedOn) {
  http_.AnswerWith(kTokenUrl, [](const auto&) { return Lost(); });
  const auto tokens = RequestToken(Refresh());
  EXPECT_THAT(tokens, FailsWith(Reason::kProviderUnavailable));
  EXPECT_EQ(DeliveryOf(tokens.status()), Delivery::kUnknown);
  EXPECT_EQ(TokenRequests(), 1);
}

struct AnswerCase {
  std::string name;
  int status;
  std::string body;
  Reason reason;
  Delivery delivery = Delivery::kAnswered;
};

void PrintTo(const AnswerCase& row, std::ostream* os) { *os << row.name; }

class TokenAnswerTest : public HttpProviderTest,
                        public ::testing::WithParamInterface<AnswerCase> {};

TEST_P(TokenAnswerTest, IsAnErrorWithItsDelivery) {
  http_.Enqueue(kTokenUrl, JsonResponse(GetParam().status, GetParam().body));
  const auto tokens = RequestToken(Code());
  EXPECT_THAT(tokens, FailsWith(GetParam().reason));
  EXPECT_EQ(DeliveryOf(tokens.status()), GetParam().delivery);
  EXPECT_THAT(MetadataOf(tokens.status()), Contains(Pair("provider", "op")));
  EXPECT_EQ(TokenRequests(), 1);
}

INSTANTIATE_TEST_SUITE_P(
    Answers, TokenAnswerTest,
    ::testing::Values(
        AnswerCase{"tok_invalid_grant", 400, R"({"error":"invalid_grant"})",
                   Reason::kReauthorizationRequired},
        AnswerCase{"tok_invalid_client", 401, R"({"error":"invalid_client"})",
                   Reason::kProviderRejectedClient},
        // A server that fails may have done it before; one that says why has not.
        AnswerCase{"http_5xx_on_code", 503, "", Reason::kProviderUnavailable, Delivery::kUnknown},
        AnswerCase{"Http500", 500, "{}", Reason::kProviderUnavailable, Delivery::kUnknown},
        AnswerCase{"Http504", 504, "", Reason::kProviderUnavailable, Delivery::kUnknown},
        AnswerCase{"TemporarilyUnavailable", 503, R"({"error":"temporarily_unavailable"})",
                   Reason::kProviderUnavailable},
        AnswerCase{"ServerErrorAs400", 400, R"({"error":"server_error"})",
                   Reason::kProviderUnavailable, Delivery::kUnknown},
        AnswerCase{"Auth0Limit", 500,
                   R"({"error":"access_denied","error_description":"Global limit"})",
                   Reason::kProviderRateLimited},
        AnswerCase{"http_429", 429, "", Reason::kProviderRateLimited},
        AnswerCase{"tok_error_body_garbage", 400, "<html>", Reason::kProviderResponseInvalid,
                   Delivery::kUnknown},
        AnswerCase{"Redirect", 302, "", Reason::kProviderResponseInvalid, Delivery::kUnknown},
        // What a success did is done, though it cannot be read.
        AnswerCase{"tok_json_broken", 200, R"({"access_token":)", Reason::kProviderResponseInvalid,
                   Delivery::kUnknown}),
    [](const auto& row) { return row.param.name; });

// A server that says when to come back has not begun.
TEST_F(HttpProviderTest, BelievesAServerThatDeclaresItselfAway) {
  HttpResponse away = JsonResponse(503, "");
  away.headers.emplace_back("retry-after", "7");
  http_.Enqueue(kTokenUrl, std::move(away));
  const auto tokens = RequestToken(Code());
  EXPECT_THAT(tokens, FailsWith(Reason::kProviderUnavailable));
  EXPECT_EQ(DeliveryOf(tokens.status()), Delivery::kAnswered);
}

struct SalvageCase {
  std::string name;
  int status;
  std::string body;
  std::string rotated;  // empty: nothing to be kept
};

void PrintTo(const SalvageCase& row, std::ostream* os) { *os << row.name; }

class RefusedRefresh : public HttpProviderTest,
                       public ::testing::WithParamInterface<SalvageCase> {};

// A new refresh token means that the old one is spent, whatever else is wrong with the answer.
TEST_P(RefusedRefresh, KeepsANewRefreshToken) {
  http_.Enqueue(kTokenUrl, JsonResponse(GetParam().status, GetParam().body));
  oauth::RefreshToken request{.refresh_token = Secret("RT1")};
  const RefreshAnswer answer = RunBlocking(
      runtime_,
      provider_.Refresh(registration_, std::move(request), nullptr, Permit(), {}, Soon()));
  EXPECT_FALSE(answer.tokens.ok());
  EXPECT_EQ(answer.rotated ? std::string(answer.rotated->Reveal()) : "", GetParam().rotated);
}

INSTANTIATE_TEST_SUITE_P(
    Answers, RefusedRefresh,
    ::testing::Values(
        SalvageCase{"TokenType", 200,
                    R"({"access_token":"a","token_type":"mac","refresh_token":"RT2"})", "RT2"},
        SalvageCase{"NoAccessToken", 200, R"({"token_type":"Bearer","refresh_token":"RT2"})",
                    "RT2"},
        SalvageCase{"BadScope", 200,
                    R"({"access_token":"a","token_type":"Bearer","scope":7,"refresh_token":"RT2"})",
                    "RT2"},
        SalvageCase{"Created", 201, R"({"refresh_token":"RT2"})", "RT2"},
        SalvageCase{"NoNewOne", 200, R"({"token_type":"Bearer"})", ""},
        SalvageCase{"Malformed", 200, R"({"refresh_token":7})", ""},
        SalvageCase{"ErrorToo", 200, R"({"error":"server_error","refresh_token":"RT2"})", ""},
        SalvageCase{"Refusal", 400, R"({"error":"invalid_grant","refresh_token":"RT2"})", ""},
        SalvageCase{"Truncated", 200, R"({"refresh_token":"RT2")", ""}),
    [](const auto& row) { return row.param.name; });

TEST_F(HttpProviderTest, CallsAProviderUnavailableThatTakesTooLong) {
  const absl::Status timeout =
      NetError(Reason::kDeadlineExceeded, tokenbroker::Delivery::kUnknown, "timeout");
  http_.Enqueue(kTokenUrl, timeout);
  const auto tokens = RequestToken(Refresh());
  EXPECT_THAT(tokens, FailsWith(Reason::kProviderUnavailable));
  EXPECT_EQ(DeliveryOf(tokens.status()), Delivery::kUnknown);
}

// `st-grpc-deadline`
TEST_F(HttpProviderTest, TellsTheCallersDeadlineFromItsOwn) {
  const absl::Status timeout =
      NetError(Reason::kDeadlineExceeded, tokenbroker::Delivery::kUnknown, "timeout");
  http_.Enqueue(kTokenUrl, timeout);
  EXPECT_THAT(
      RunBlocking(runtime_, provider_.RequestToken(registration_, Refresh(), nullptr, Permit(),
                                                   clock_.Now() + absl::Seconds(1))),
      FailsWith(Reason::kDeadlineExceeded));
}

std::string Authorization(const testing::RecordedRequest& request) {
  return request.headers.at("authorization");
}

TEST_F(HttpProviderTest, TriesTheNextAuthenticationWhereTheClientIsRefused) {
  http_.Enqueue(kTokenUrl, JsonResponse(401, R"({"error":"invalid_client"})"));
  http_.Enqueue(kTokenUrl, JsonResponse(200, kTokensOfCode));
  EXPECT_OK(RequestToken(Refresh()));
  const auto requests = http_.requests_for(kTokenUrl);
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_NE(Authorization(requests[0]), Authorization(requests[1]));
  EXPECT_EQ(requests[0].body, requests[1].body);
}

TEST_F(HttpProviderTest, TriesTheNextAuthenticationForNoOtherReason) {
  for (const char* error : {"unauthorized_client", "invalid_grant", "invalid_request"}) {
    http_.Enqueue(kTokenUrl, JsonResponse(400, Json{{"error", error}}.dump()));
    EXPECT_THAT(RequestToken(Refresh()), Not(IsOk()));
  }
  EXPECT_EQ(TokenRequests(), 3);
}

TEST_F(HttpProviderTest, SendsNothingWhereDiscoveryFails) {
  http_.AnswerWith(kDiscoveryUrl, [](const auto&) { return Lost(); });
  const auto tokens = RequestToken(Refresh());
  EXPECT_THAT(tokens, FailsWith(Reason::kProviderUnavailable));
  EXPECT_EQ(DeliveryOf(tokens.status()), Delivery::kNotSent);
  EXPECT_EQ(TokenRequests(), 0);
}

TEST_F(HttpProviderTest, SendsNothingWhereTheAuthenticationIsNotSupported) {
  Json document = DiscoveryDocument();
  document["token_endpoint_auth_methods_supported"] = {"private_key_jwt"};
  Discover(document);
  const auto tokens = RequestToken(Code());
  EXPECT_THAT(tokens, FailsWith(Reason::kProviderMisconfigured));
  EXPECT_EQ(DeliveryOf(tokens.status()), Delivery::kNotSent);
  EXPECT_EQ(TokenRequests(), 0);
}

// `tok-oversize`
TEST_F(HttpProviderTest, LeavesOpenWhatAnAnswerDidThatIsTooLarge) {
  http_.Enqueue(kTokenUrl, NetError(Reason::kProviderResponseInvalid,
                                    tokenbroker::Delivery::kUnknown, "too_large"));
  const auto tokens = RequestToken(Refresh());
  EXPECT_THAT(tokens, FailsWith(Reason::kProviderResponseInvalid));
  EXPECT_EQ(DeliveryOf(tokens.status()), Delivery::kUnknown);
}

// `st-hang-isolation`
TEST_F(HttpProviderTest, RefusesRequestsBeyondItsBound) {
  Gate gate;
  GatedHttpClient gated(http_, gate);
  HttpProviderOptions options = Options();
  options.max_in_flight = 2;
  options.max_queued = 0;
  http_.AnswerWith(kTokenUrl, [](const auto&) { return JsonResponse(200, kTokensOfCode); });
  options.fixed_metadata = oauth::ProviderMetadata{.token_endpoint = std::string(kTokenUrl)};
  HttpProvider bounded(runtime_, gated, clock_, log_, options);

  Tasks<oauth::TokenResponse> held(runtime_);
  for (int i = 0; i < 2; ++i)
    held.Start(bounded.RequestToken(registration_, Refresh(), nullptr, Permit(), Soon()));
  Settle(runtime_);
  const auto refused = RunBlocking(
      runtime_, bounded.RequestToken(registration_, Refresh(), nullptr, Permit(), Soon()));
  EXPECT_THAT(refused, FailsWith(Reason::kLimitReached));
  EXPECT_EQ(DeliveryOf(refused.status()), Delivery::kNotSent);
  EXPECT_TRUE(RetryAfterOf(refused.status()));
  gate.Open();
  EXPECT_THAT(held.Finish(), ::testing::Each(IsOk()));
  EXPECT_OK(RunBlocking(runtime_,
                        bounded.RequestToken(registration_, Refresh(), nullptr, Permit(), Soon())));
}

// `rev-happy`, `rev-garbage-200`
TEST_F(HttpProviderTest, RevokesAToken) {
  HttpResponse html = JsonResponse(200, "<html>");
  html.headers = {{"content-type", "text/html"}};
  http_.Enqueue(kRevocationUrl, std::move(html));
  EXPECT_OK(Revoke());
  const auto requests = http_.requests_for(kRevocationUrl);
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].method, "POST");
  EXPECT_THAT(requests[0].body,
              AllOf(HasSubstr("token=rt"), HasSubstr("token_type_hint=refresh_token")));
}

TEST_F(HttpProviderTest, RevokesWithTheNextAuthenticationToo) {
  http_.Enqueue(kRevocationUrl, JsonResponse(401, R"({"error":"invalid_client"})"));
  http_.Enqueue(kRevocationUrl, JsonResponse(200, ""));
  EXPECT_OK(Revoke());
}

struct RevocationCase {
  std::string name;
  int status;
  std::string body;
  Reason reason;
  Delivery delivery = Delivery::kAnswered;
};

void PrintTo(const RevocationCase& row, std::ostream* os) { *os << row.name; }

class RevocationTest : public HttpProviderTest,
                       public ::testing::WithParamInterface<RevocationCase> {};

TEST_P(RevocationTest, Fails) {
  http_.AnswerWith(kRevocationUrl,
                   [row = GetParam()](const auto&) { return JsonResponse(row.status, row.body); });
  const absl::Status status = Revoke();
  EXPECT_THAT(status, FailsWith(GetParam().reason));
  EXPECT_EQ(DeliveryOf(status), GetParam().delivery);
}

INSTANTIATE_TEST_SUITE_P(
    Answers, RevocationTest,
    ::testing::Values(
        RevocationCase{"rev_unsupported_type", 400, R"({"error":"unsupported_token_type"})",
                       Reason::kOperationNotSupported},
        RevocationCase{"rev_redirect", 302, "", Reason::kProviderResponseInvalid,
                       Delivery::kUnknown},
        RevocationCase{"rev_invalid_client", 401, R"({"error":"invalid_client"})",
                       Reason::kProviderRejectedClient},
        RevocationCase{"Unavailable", 503, "", Reason::kProviderUnavailable, Delivery::kUnknown}),
    [](const auto& row) { return row.param.name; });

// `rev-no-endpoint`
TEST_F(HttpProviderTest, CannotRevokeWithoutAnEndpoint) {
  DiscoverWithout("revocation_endpoint");
  EXPECT_THAT(Revoke(), FailsWith(Reason::kOperationNotSupported));
}

// `ui-happy`
TEST_F(HttpProviderTest, ShowsTheAccessTokenInTheHeaderAlone) {
  http_.Enqueue(kUserInfoUrl, JsonResponse(200, R"({"sub":"alice","name":"Alice"})"));
  EXPECT_THAT(FetchUserInfo(), IsOkAndHolds(Json({{"sub", "alice"}, {"name", "Alice"}})));
  const auto requests = http_.requests_for(kUserInfoUrl);
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].method, "GET");
  EXPECT_EQ(Authorization(requests[0]), "Bearer at");
  EXPECT_THAT(requests[0].body, IsEmpty());
}

TEST_F(HttpProviderTest, RefusesClaimsOfAnotherSubject) {
  http_.Enqueue(kUserInfoUrl, JsonResponse(200, R"({"sub":"mallory"})"));
  EXPECT_THAT(FetchUserInfo(), FailsWith(Reason::kProviderResponseInvalid));
}

// `ui-redirect`
TEST_F(HttpProviderTest, DoesNotTakeAnAccessTokenElsewhere) {
  HttpResponse redirect = JsonResponse(302, "");
  redirect.headers.emplace_back("location", "https://elsewhere.example/");
  http_.Enqueue(kUserInfoUrl, std::move(redirect));
  EXPECT_THAT(FetchUserInfo(), FailsWith(Reason::kProviderResponseInvalid));
}

TEST_F(HttpProviderTest, HasNoClaimsWithoutAnEndpoint) {
  DiscoverWithout("userinfo_endpoint");
  EXPECT_THAT(FetchUserInfo(), FailsWith(Reason::kOperationNotSupported));
}

TEST_F(HttpProviderTest, VerifiesWhatItsProviderSigned) {
  const SigningKey key = SigningKey::Generate(jose::Algorithm::kRS256, "key");
  http_.Enqueue(kJwksUrl, JsonResponse(200, JwkSetText({key.Jwk()})));
  EXPECT_OK(RunBlocking(runtime_,
                        provider_.VerifySignature(registration_.id_token, TokenKind::kIdToken,
                                                  Secret(key.Sign({{"sub", "alice"}})), Soon())));
}

// `alg-from-token`: without configuration and metadata that is RS256, whatever the token says.
TEST_F(HttpProviderTest, TakesNoAlgorithmFromAToken) {
  const SigningKey key = SigningKey::Generate(jose::Algorithm::kES256, "key");
  const auto verified = RunBlocking(
      runtime_, provider_.VerifySignature(registration_.id_token, TokenKind::kIdToken,
                                          Secret(key.Sign({{"sub", "alice"}})), Soon()));
  EXPECT_THAT(verified, FailsWith(Reason::kAlgorithmNotAllowed));
  EXPECT_THAT(http_.requests_for(kJwksUrl), IsEmpty());
}

constexpr std::string_view kPushUrl = "https://op.example/par";
constexpr char kPushed[] = R"({"request_uri":"urn:example:1","expires_in":60})";

class PushedRequestTest : public HttpProviderTest {
 protected:
  PushedRequestTest() {
    Json document = DiscoveryDocument();
    document["pushed_authorization_request_endpoint"] = kPushUrl;
    Discover(document);
  }

  absl::StatusOr<oauth::PushedAuthorization> Push() {
    oauth::Parameters parameters = {{"client_id", "client"}, {"state", "s"}};
    return RunBlocking(
        runtime_, provider_.PushAuthorizationRequest(registration_, std::move(parameters), Soon()));
  }
};

TEST_F(PushedRequestTest, GoesToItsEndpointWithTheClientsAuthentication) {
  http_.Enqueue(kPushUrl, JsonResponse(201, kPushed));
  ASSERT_OK_AND_ASSIGN(const oauth::PushedAuthorization pushed, Push());
  EXPECT_EQ(pushed.request_uri, "urn:example:1");
  EXPECT_EQ(pushed.lifetime, absl::Seconds(60));
  const auto requests = http_.requests_for(kPushUrl);
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].method, "POST");
  EXPECT_EQ(requests[0].body, "state=s&client_id=client");
  EXPECT_THAT(requests[0].headers, Contains(Key("authorization")));
}

TEST_F(PushedRequestTest, TriesTheNextSecretOnInvalidClientAlone) {
  http_.Enqueue(kPushUrl, JsonResponse(401, R"({"error":"invalid_client"})"));
  http_.Enqueue(kPushUrl, JsonResponse(201, kPushed));
  EXPECT_THAT(Push(), IsOk());
  http_.Enqueue(kPushUrl, JsonResponse(400, R"({"error":"invalid_request"})"));
  const auto refused = Push();
  EXPECT_THAT(refused, FailsWith(Reason::kProviderDenied));
  EXPECT_THAT(MetadataOf(refused.status()),
              AllOf(Contains(Pair("error", "invalid_request")), Contains(Pair("provider", "op"))));
  EXPECT_THAT(http_.requests_for(kPushUrl), SizeIs(3));
}

TEST_F(PushedRequestTest, NeedsAnEndpoint) {
  Discover(DiscoveryDocument());
  EXPECT_THAT(Push(), FailsWith(Reason::kProviderMisconfigured));
}

TEST_F(HttpProviderTest, VerifiesAuthorizationResponsesWithTheOneAlgorithmOfTheClient) {
  const SigningKey rsa = SigningKey::Shared(jose::Algorithm::kRS256, "rsa");
  const SigningKey ec = SigningKey::Shared(jose::Algorithm::kES256, "ec");
  http_.AnswerWith(kJwksUrl, [text = JwkSetText({rsa.Jwk(), ec.Jwk()})](const auto&) {
    return JsonResponse(200, text);
  });
  const auto verify = [&](const std::string& token, jose::Algorithm algorithm) {
    return RunBlocking(runtime_,
                       provider_.VerifyAuthorizationResponse(Secret(token), algorithm, Soon()));
  };
  EXPECT_THAT(verify(ec.Sign({{"iss", kIssuerUrl}}), jose::Algorithm::kES256), IsOk());
  EXPECT_THAT(verify(rsa.Sign({{"iss", kIssuerUrl}}), jose::Algorithm::kES256),
              FailsWith(Reason::kAlgorithmNotAllowed));
  // jarm-alg-none
  EXPECT_THAT(
      verify(ec.SignWithHeader({{"alg", "none"}}, {{"iss", kIssuerUrl}}), jose::Algorithm::kES256),
      FailsWith(Reason::kAlgorithmNotAllowed));
}

class Confirmation : public HttpProviderTest {
 protected:
  absl::Status Confirm() {
    return RunBlocking(runtime_,
                       provider_.ConfirmAccessToken(registration_, Secret("at"), "alice", Soon()));
  }
};

TEST_F(Confirmation, AsksTheProviderOfTheToken) {
  http_.Enqueue(kIntrospectionUrl, JsonResponse(401, R"({"error":"invalid_client"})"));
  http_.Enqueue(kIntrospectionUrl,
                JsonResponse(200, R"({"active":true,"client_id":"client","sub":"alice"})"));
  EXPECT_OK(Confirm());
  const auto requests = http_.requests_for(kIntrospectionUrl);
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_THAT(requests[1].body, AllOf(HasSubstr("token=at"), Not(HasSubstr("secret"))));
  EXPECT_NE(Authorization(requests[0]), Authorization(requests[1]));
}

TEST_F(Confirmation, FailsWhereTheProviderSaysOtherwise) {
  for (const char* body : {R"({"active":false})", R"({"active":true,"sub":"mallory"})",
                           R"({"active":true,"client_id":"other"})",
                           R"({"active":true,"iss":"https://elsewhere.example"})"}) {
    http_.Enqueue(kIntrospectionUrl, JsonResponse(200, body));
    const absl::Status status = Confirm();
    EXPECT_THAT(status, FailsWith(Reason::kProviderResponseInvalid)) << body;
    EXPECT_THAT(MetadataOf(status), Contains(Pair("provider", "op")));
  }
  http_.Enqueue(kIntrospectionUrl, JsonResponse(503, ""));
  EXPECT_THAT(Confirm(), FailsWith(Reason::kProviderUnavailable));
}

TEST_F(Confirmation, NeedsAnEndpoint) {
  DiscoverWithout("introspection_endpoint");
  EXPECT_THAT(Confirm(), FailsWith(Reason::kOperationNotSupported));
}

// bcl-typ: a logout token is no ID token, though the same key signs both.
TEST_F(HttpProviderTest, TellsKindsOfTokensApart) {
  const SigningKey key = SigningKey::Shared(jose::Algorithm::kRS256, "key");
  http_.AnswerWith(kJwksUrl,
                   [&](const auto&) { return JsonResponse(200, JwkSetText({key.Jwk()})); });
  const auto verify = [&](TokenKind kind, const Json& header) {
    return RunBlocking(runtime_, provider_.VerifySignature(
                                     registration_.id_token, kind,
                                     Secret(key.SignWithHeader(header, {{"sub", "a"}})), Soon()));
  };
  EXPECT_OK(verify(TokenKind::kLogoutToken, {{"typ", "logout+jwt"}}));
  EXPECT_OK(verify(TokenKind::kLogoutToken, {{"typ", nullptr}}));
  EXPECT_OK(verify(TokenKind::kIdToken, {{"typ", nullptr}}));
  EXPECT_THAT(verify(TokenKind::kIdToken, {{"typ", "logout+jwt"}}),
              FailsWith(Reason::kJwtTypeMismatch));
  EXPECT_THAT(verify(TokenKind::kUserInfo, {{"typ", "logout+jwt"}}),
              FailsWith(Reason::kJwtTypeMismatch));
  EXPECT_THAT(verify(TokenKind::kLogoutToken, {{"typ", "at+jwt"}}),
              FailsWith(Reason::kJwtTypeMismatch));
}

TEST_F(HttpProviderTest, TakesTheOneAlgorithmThatAClientIsRegisteredFor) {
  const SigningKey rsa = SigningKey::Shared(jose::Algorithm::kRS256, "rsa");
  const SigningKey elliptic = SigningKey::Shared(jose::Algorithm::kES256, "ec");
  http_.AnswerWith(kJwksUrl, [&](const auto&) {
    return JsonResponse(200, JwkSetText({rsa.Jwk(), elliptic.Jwk()}));
  });
  const TokenProtection protection{.algorithm = jose::Algorithm::kES256};
  const auto verify = [&](std::string token) {
    return RunBlocking(runtime_, provider_.VerifySignature(protection, TokenKind::kIdToken,
                                                           Secret(token), Soon()));
  };
  EXPECT_OK(verify(elliptic.Sign({{"sub", "alice"}})));
  EXPECT_THAT(verify(rsa.Sign({{"sub", "alice"}})), FailsWith(Reason::kAlgorithmNotAllowed));
}

TEST_F(HttpProviderTest, NeedsNoKeysForASharedSecret) {
  TokenProtection protection{.algorithm = jose::Algorithm::kHS256};
  protection.shared_secrets.emplace_back(std::string(32, 's'));
  const std::string token = *jose::SignHmacJws({{"typ", "JWT"}}, "{}", jose::Algorithm::kHS256,
                                               Secret(std::string(32, 's')));
  EXPECT_OK(RunBlocking(
      runtime_, provider_.VerifySignature(protection, TokenKind::kIdToken, Secret(token), Soon())));
  EXPECT_THAT(http_.requests(), IsEmpty());
}

class SignedUserInfo : public HttpProviderTest {
 protected:
  SignedUserInfo() {
    registration_.user_info = TokenProtection{.algorithm = jose::Algorithm::kRS256};
    http_.AnswerWith(kJwksUrl,
                     [this](const auto&) { return JsonResponse(200, JwkSetText({key_.Jwk()})); });
  }

  absl::StatusOr<Json> Receive(std::string body, std::string type = "application/jwt") {
    HttpResponse response = JsonResponse(200, body);
    response.headers = {{"content-type", type}};
    http_.Enqueue(kUserInfoUrl, std::move(response));
    return FetchUserInfo();
  }

  const SigningKey key_ = SigningKey::Shared(jose::Algorithm::kRS256, "key");
  const Json claims_ = {
      {"iss", kIssuerUrl}, {"aud", "client"}, {"sub", "alice"}, {"name", "Alice"}};
};

// ui-signed
TEST_F(SignedUserInfo, IsVerified) {
  EXPECT_THAT(Receive(key_.Sign(claims_)), IsOkAndHolds(claims_));
  EXPECT_THAT(http_.requests_for(kUserInfoUrl)[0].headers,
              Contains(Pair("accept", "application/jwt")));
  EXPECT_THAT(Receive(testing::WithBrokenSignature(key_.Sign(claims_))),
              FailsWith(Reason::kSignatureInvalid));
  EXPECT_THAT(Receive(key_.SignWithHeader({{"alg", "none"}}, claims_)),
              FailsWith(Reason::kAlgorithmNotAllowed));
  Json of_another = claims_;
  of_another["sub"] = "mallory";
  EXPECT_THAT(Receive(key_.Sign(of_another)), FailsWith(Reason::kSubjectMismatch));
}

// ui-format-downgrade
TEST_F(SignedUserInfo, IsNotTradedForAnythingElse) {
  EXPECT_THAT(Receive(claims_.dump(), "application/json"),
              FailsWith(Reason::kProviderResponseInvalid));
  EXPECT_THAT(Receive(key_.Sign(claims_), "application/json"),
              FailsWith(Reason::kProviderResponseInvalid));
  EXPECT_THAT(Receive(claims_.dump()), FailsWith(Reason::kJwtMalformed));
}

TEST_F(SignedUserInfo, MayBeEncrypted) {
  const Secret pem = *SigningKey::Shared(jose::Algorithm::kES256, "enc").key().ToPem();
  const auto recipient = *jose::DecryptionKey::FromPem(pem, jose::KeyManagement::kEcdhEs, "enc");
  registration_.user_info->decryption_keys = {recipient};
  registration_.user_info->encryption.content_encryptions = {jose::ContentEncryption::kA256Gcm};
  EXPECT_THAT(Receive(testing::EncryptJwe(key_.Sign(claims_), recipient,
                                          jose::ContentEncryption::kA256Gcm)),
              IsOkAndHolds(claims_));
  EXPECT_THAT(Receive(key_.Sign(claims_)), FailsWith(Reason::kJwtMalformed));
  EXPECT_THAT(
      Receive(testing::EncryptJwe(claims_.dump(), recipient, jose::ContentEncryption::kA256Gcm)),
      FailsWith(Reason::kJwtMalformed));
}

TEST_F(HttpProviderTest, ReadsTheAnswerToATokenExchange) {
  http_.Enqueue(kTokenUrl, JsonResponse(200, R"({"access_token":"t","token_type":"N_A",
      "issued_token_type":"urn:ietf:params:oauth:token-type:jwt"})"));
  http_.Enqueue(kTokenUrl, JsonResponse(200, kTokensOfCode));
  const auto exchange = [] {
    return oauth::TokenExchange{.subject_token = Secret("s"), .subject_token_type = "urn:s"};
  };
  EXPECT_OK(RequestToken(exchange()));
  EXPECT_THAT(RequestToken(exchange()), FailsWith(Reason::kProviderResponseInvalid));
}

}  // namespace
}  // namespace tokenbroker::provider
