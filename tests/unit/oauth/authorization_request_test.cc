#include "oauth/authorization_request.h"

#include <string>

#include "base/status_macros.h"
#include "gmock/gmock.h"
#include "support/status_matchers.h"

namespace tokenbroker::oauth {
namespace {

using ::testing::EndsWith;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using ::testing::Not;

constexpr std::string_view kEndpoint = "https://op.example/authorize";

AuthorizationRequest Minimal() {
  return {
      .client_id = "client",
      .redirect_uri = "https://app.example/cb",
      .response_type = {.id_token = true},
      .scopes = {"openid"},
      .state = Secret("st"),
      .nonce = Secret("no"),
      .code_challenge = "ch",
  };
}

absl::StatusOr<std::string> UrlOf(std::string_view endpoint, const AuthorizationRequest& request) {
  ASSIGN_OR_RETURN(const Parameters parameters, AuthorizationParameters(request));
  return BuildAuthorizationUrl(endpoint, parameters);
}

TEST(CodeChallenge, IsThatOfRfc7636AppendixB) {
  EXPECT_EQ(CodeChallengeS256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

TEST(AuthorizationUrl, HasWhatEveryRequestNeeds) {
  EXPECT_THAT(
      UrlOf(kEndpoint, Minimal()),
      IsOkAndHolds(std::string(
          "https://op.example/authorize?response_type=code%20id_token&response_mode=form_post"
          "&client_id=client&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&scope=openid&state=st"
          "&nonce=no&code_challenge=ch&code_challenge_method=S256")));
}

TEST(AuthorizationUrl, HasEveryOptionalParameter) {
  AuthorizationRequest request = Minimal();
  request.dpop_jkt = "jkt";
  request.audience = "https://api.example/?a=b&c";
  request.resources = {"https://r1.example", "urn:r2"};
  request.organization = "org_1";
  request.invitation = "inv+1";
  request.login_hint = "j\xC3\xBCrgen@example.org";
  request.prompt = "login consent";
  request.max_age = absl::Milliseconds(90500);
  request.acr_values = {"urn:mace:silver", "1"};
  request.ui_locales = {"de-AT", "de"};
  request.id_token_hint = "a.b.c";
  request.extra_parameters = {{"screen_hint", "signup"}, {"ext-x", "1 2"}};
  ASSERT_OK_AND_ASSIGN(const std::string url, UrlOf(kEndpoint, request));
  EXPECT_THAT(
      url,
      EndsWith("&dpop_jkt=jkt&audience=https%3A%2F%2Fapi.example%2F%3Fa%3Db%26c"
               "&resource=https%3A%2F%2Fr1.example&resource=urn%3Ar2&organization=org_1"
               "&invitation=inv%2B1&login_hint=j%C3%BCrgen%40example.org&prompt=login%20consent"
               "&max_age=90&acr_values=urn%3Amace%3Asilver%201&ui_locales=de-AT%20de"
               "&id_token_hint=a.b.c&ext-x=1%202&screen_hint=signup"));
}

TEST(AuthorizationUrl, SendsZeroMaxAge) {
  // idt-maxage-zero
  AuthorizationRequest request = Minimal();
  request.max_age = absl::ZeroDuration();
  ASSERT_OK_AND_ASSIGN(const std::string url, UrlOf(kEndpoint, request));
  EXPECT_THAT(url, EndsWith("&max_age=0"));
}

TEST(AuthorizationUrl, KeepsTheEndpointsOwnQuery) {
  // disc-authz-endpoint-query
  struct {
    const char* endpoint;
    const char* begins;
  } const rows[] = {
      {"https://op.example/a?p=x%20y&q", "https://op.example/a?p=x%20y&q&response_type="},
      {"https://op.example/a?", "https://op.example/a?response_type="},
      {"https://op.example/a?p=x&", "https://op.example/a?p=x&response_type="},
      {"https://op.example", "https://op.example?response_type="},
      {"https://op.example/a?state=evil&p=x&%73tate=evil&scope",
       "https://op.example/a?p=x&response_type="},
  };
  for (const auto& row : rows) {
    ASSERT_OK_AND_ASSIGN(const std::string url, UrlOf(row.endpoint, Minimal()));
    EXPECT_THAT(url, ::testing::StartsWith(row.begins));
    EXPECT_THAT(url, Not(HasSubstr("evil")));
  }
}

TEST(AuthorizationUrl, LetsNobodyOverrideItsOwnParameters) {
  // cb-extra-params-override
  for (const char* name : {"state",
                           "nonce",
                           "redirect_uri",
                           "response_type",
                           "response_mode",
                           "client_id",
                           "client_secret",
                           "code_challenge",
                           "code_challenge_method",
                           "scope",
                           "request",
                           "request_uri",
                           "audience",
                           "resource",
                           "organization",
                           "max_age",
                           "acr_values",
                           "id_token_hint",
                           "State",
                           "REDIRECT_URI",
                           "iss",
                           "sub",
                           "aud",
                           "exp"}) {
    AuthorizationRequest request = Minimal();
    request.extra_parameters = {{name, "x"}};
    const auto url = UrlOf(kEndpoint, request);
    EXPECT_THAT(url, FailsWith(Reason::kParameterReserved)) << name;
    EXPECT_EQ(MetadataOf(url.status())["parameter"], name);
  }
}

TEST(AuthorizationUrl, RefusesNamesThatServersReadAsOthers) {
  for (const char* name : {"", "state[]", "redirect uri", "a=b", "a&b", "\xC3\xA4", "state\n"}) {
    AuthorizationRequest request = Minimal();
    request.extra_parameters = {{name, "x"}};
    EXPECT_THAT(UrlOf(kEndpoint, request), FailsWith(Reason::kInvalidRequest)) << name;
  }
}

TEST(AuthorizationUrl, RefusesValuesThatCannotBeSent) {
  const auto refuses = [](void (*change)(AuthorizationRequest&), const char* field) {
    AuthorizationRequest request = Minimal();
    change(request);
    const auto url = UrlOf(kEndpoint, request);
    EXPECT_THAT(url, FailsWith(Reason::kInvalidRequest));
    EXPECT_EQ(MetadataOf(url.status())["field"], field);
  };
  refuses([](auto& r) { r.max_age = absl::Seconds(-1); }, "max_age");
  refuses([](auto& r) { r.max_age = absl::InfiniteDuration(); }, "max_age");
  refuses([](auto& r) { r.acr_values = {"a b"}; }, "acr_values");
  refuses([](auto& r) { r.acr_values = {""}; }, "acr_values");
  refuses([](auto& r) { r.ui_locales = {"de at"}; }, "ui_locales");
  // RFC 8707 section 2
  refuses([](auto& r) { r.resources = {"api"}; }, "resources");
  refuses([](auto& r) { r.resources = {"https://api.example/#x"}; }, "resources");
}

TEST(AuthorizationUrl, RefusesHybridResponseByQuery) {
  AuthorizationRequest request = Minimal();
  request.response_mode = ResponseMode::kQuery;
  EXPECT_THAT(UrlOf(kEndpoint, request), FailsWith(Reason::kResponseModeNotAllowed));
  request.response_type = {};
  EXPECT_THAT(UrlOf(kEndpoint, request), IsOk());
}

TEST(AuthorizationUrl, NeedsAnAbsoluteEndpoint) {
  for (const char* endpoint : {"", "/authorize", "op.example/authorize", "ftp://op.example/a",
                               "https:///a", "https://op.example/a#b", "https://u@op.example/a"}) {
    EXPECT_THAT(UrlOf(endpoint, Minimal()), FailsWith(Reason::kProviderMisconfigured)) << endpoint;
  }
}

TEST(RedirectUri, MayBeHttpsLoopbackOrPrivateUse) {
  for (const char* uri :
       {"https://app.example/cb", "https://app.example", "https://app.example:8443/cb?tenant=a",
        "http://localhost:3000/cb", "http://127.0.0.1:51004/", "http://[::1]/cb",
        "com.example.app:/oauth2redirect", "com.example.app://cb", "HTTPS://app.example/"}) {
    EXPECT_THAT(CheckRedirectUri(uri), IsOk()) << uri;
  }
}

TEST(RedirectUri, IsNothingThatLeadsElsewhere) {
  // RFC 6749 section 3.1.2, RFC 8252 section 7; cb-return-to-open-redirect
  for (const char* uri : {"",
                          "/cb",
                          "//evil",
                          "/\\evil",
                          "https:evil",
                          "https:/evil",
                          "https://evil\\.good",
                          "https:///cb",
                          "http://app.example/cb",
                          "http://localhost.evil/cb",
                          "javascript:alert(1)",
                          "data:text/html,x",
                          "myapp://cb",
                          "https://good@evil/",
                          "https://app.example/cb#",
                          "https://app.example/cb#x",
                          "https://app.example/c b",
                          "https://app.example/cb\n",
                          "https://app.example/cb?code=1",
                          "https://app.example/?state"}) {
    const absl::Status status = CheckRedirectUri(uri);
    EXPECT_THAT(status, FailsWith(Reason::kInvalidRequest)) << uri;
    EXPECT_EQ(MetadataOf(status)["field"], "redirect_uri") << uri;
  }
}

}  // namespace
}  // namespace tokenbroker::oauth
