#include <string>

#include "gmock/gmock.h"
#include "oauth/authorization_response.h"
#include "support/status_matchers.h"

namespace tokenbroker::oauth {
namespace {

using testing::FailsWith;
using testing::IsOk;

constexpr ResponseType kCode = {};
constexpr ResponseType kCodeIdToken = {.id_token = true};
constexpr ResponseType kCodeToken = {.token = true};
constexpr ResponseType kCodeIdTokenToken = {.id_token = true, .token = true};

ExpectedAuthorizationResponse Expect(ResponseType type, ResponseMode mode) {
  return {.issuer = "https://op.example",
          .redirect_uri = "https://app.example/cb",
          .response_type = type,
          .response_mode = mode};
}

absl::Status CheckForm(const std::string& body, const ExpectedAuthorizationResponse& expected) {
  const auto response = ParseFormPost(body);
  if (!response.ok()) return response.status();
  return CheckAuthorizationResponse(*response, expected);
}

absl::Status CheckForm(const std::string& body, ResponseType type) {
  return CheckForm(body, Expect(type, ResponseMode::kFormPost));
}

absl::Status CheckUrl(const std::string& url, const ExpectedAuthorizationResponse& expected) {
  const auto response = ParseRedirectUrl(url);
  if (!response.ok()) return response.status();
  return CheckAuthorizationResponse(*response, expected);
}

TEST(AuthorizationResponse, IsTakenForEveryResponseTypeAndMode) {
  // cb-happy-*
  struct {
    ResponseType type;
    const char* parameters;
  } const rows[] = {
      {kCode, "code=c&state=s"},
      {kCodeIdToken, "code=c&id_token=i&state=s"},
      {kCodeToken, "code=c&access_token=a&token_type=Bearer&state=s"},
      {kCodeIdTokenToken, "code=c&id_token=i&access_token=a&token_type=bEARER&state=s"},
  };
  for (const auto& row : rows) {
    const std::string parameters = row.parameters;
    EXPECT_THAT(CheckForm(parameters, row.type), IsOk()) << parameters;
    EXPECT_THAT(
        CheckUrl("https://app.example/cb#" + parameters, Expect(row.type, ResponseMode::kFragment)),
        IsOk())
        << parameters;
  }
  EXPECT_THAT(
      CheckUrl("https://app.example/cb?code=c&state=s", Expect(kCode, ResponseMode::kQuery)),
      IsOk());
}

TEST(AuthorizationResponse, HasExactlyWhatItsTypePromises) {
  // OIDC Core 3.3.2.5, MRT section 5
  struct {
    const char* name;
    ResponseType type;
    const char* body;
    const char* parameter;
  } const rows[] = {
      {"no code", kCode, "state=s", "code"},
      {"cb-idtoken-stripped", kCodeIdToken, "state=s&code=c", "id_token"},
      {"empty ID token", kCodeIdToken, "state=s&code=c&id_token=", "id_token"},
      {"ID token without code", kCodeIdToken, "state=s&id_token=i", "code"},
      {"cb-unrequested-artifact: ID token", kCode, "state=s&code=c&id_token=i", "id_token"},
      {"cb-unrequested-artifact: access token", kCode,
       "state=s&code=c&access_token=a&token_type=Bearer", "access_token"},
      {"cb-unrequested-artifact: in a hybrid response", kCodeIdToken,
       "state=s&code=c&id_token=i&access_token=a&token_type=Bearer", "access_token"},
      {"ID token in code token", kCodeToken,
       "state=s&code=c&id_token=i&access_token=a&token_type=Bearer", "id_token"},
      {"cb-front-token-missing", kCodeIdTokenToken, "state=s&code=c&id_token=i&token_type=Bearer",
       "access_token"},
      {"cb-front-token-missing: type", kCodeToken, "state=s&code=c&access_token=a", "token_type"},
      {"jarm-downgrade", kCode, "state=s&code=c&response=a.b.c", "response"},
      {"JARM beside an error", kCode, "state=s&error=access_denied&response=a.b.c", "response"},
  };
  for (const auto& row : rows) {
    const absl::Status status = CheckForm(row.body, row.type);
    EXPECT_THAT(status, FailsWith(Reason::kResponseParametersMismatch)) << row.name;
    EXPECT_EQ(MetadataOf(status)["parameter"], row.parameter) << row.name;
  }
}

TEST(AuthorizationResponse, IsPlainOrAJwtAsAskedFor) {
  const std::string jwt = "response=e30.eyJzdGF0ZSI6InMiLCJjb2RlIjoiYyJ9.AAAA";
  EXPECT_THAT(CheckForm(jwt, kCode), FailsWith(Reason::kResponseModeMismatch));
  // jarm-downgrade: neither a code nor an error is taken in plain.
  EXPECT_THAT(CheckForm("code=c&state=s", Expect(kCode, ResponseMode::kFormPostJwt)),
              FailsWith(Reason::kResponseModeMismatch));
  EXPECT_THAT(CheckUrl("https://app.example/cb?error=access_denied&state=s",
                       Expect(kCode, ResponseMode::kQueryJwt)),
              FailsWith(Reason::kResponseModeMismatch));
  EXPECT_THAT(CheckUrl("https://app.example/cb?error=access_denied&state=s",
                       Expect(kCode, ResponseMode::kFormPostJwt)),
              FailsWith(Reason::kResponseModeMismatch));
  // A JWT that nobody has opened says nothing.
  const absl::Status closed = CheckForm(jwt, Expect(kCode, ResponseMode::kFormPostJwt));
  EXPECT_THAT(closed, FailsWith(Reason::kResponseParametersMismatch));
  EXPECT_EQ(MetadataOf(closed)["parameter"], "response");
}

TEST(AuthorizationResponse, TakesBearerTokensAlone) {
  // cb-front-token-type
  for (const char* type : {"mac", "DPoP", "Bearer2", "N_A"}) {
    EXPECT_THAT(
        CheckForm("state=s&code=c&access_token=a&token_type=" + std::string(type), kCodeToken),
        FailsWith(Reason::kTokenTypeUnsupported))
        << type;
  }
}

TEST(AuthorizationResponse, ComesByTheModeAskedFor) {
  const std::string query = "https://app.example/cb?code=c&state=s";
  const std::string fragment = "https://app.example/cb#code=c&id_token=i&state=s";
  const std::string hybrid_by_query = "https://app.example/cb?code=c&id_token=i&state=s";
  EXPECT_THAT(CheckUrl(query, Expect(kCode, ResponseMode::kFormPost)),
              FailsWith(Reason::kResponseModeMismatch));
  EXPECT_THAT(CheckUrl(query, Expect(kCode, ResponseMode::kFragment)),
              FailsWith(Reason::kResponseModeMismatch));
  EXPECT_THAT(CheckUrl(fragment, Expect(kCodeIdToken, ResponseMode::kFormPost)),
              FailsWith(Reason::kResponseModeMismatch));
  // cb-hybrid-by-query
  EXPECT_THAT(CheckUrl(hybrid_by_query, Expect(kCodeIdToken, ResponseMode::kFragment)),
              FailsWith(Reason::kResponseModeMismatch));
  EXPECT_THAT(CheckForm("code=c&state=s", Expect(kCode, ResponseMode::kQuery)),
              FailsWith(Reason::kResponseModeMismatch));
}

TEST(AuthorizationResponse, MayReportErrorsByItsTypesDefaultMode) {
  // MRT section 2.1
  EXPECT_THAT(CheckUrl("https://app.example/cb?error=invalid_request&state=s",
                       Expect(kCode, ResponseMode::kFormPost)),
              FailsWith(Reason::kProviderDenied));
  EXPECT_THAT(CheckUrl("https://app.example/cb#error=invalid_request&state=s",
                       Expect(kCodeIdToken, ResponseMode::kFormPost)),
              FailsWith(Reason::kProviderDenied));
  EXPECT_THAT(CheckUrl("https://app.example/cb?error=invalid_request&state=s",
                       Expect(kCodeIdToken, ResponseMode::kFormPost)),
              FailsWith(Reason::kResponseModeMismatch));
  EXPECT_THAT(CheckUrl("https://evil.example/cb?error=invalid_request&state=s",
                       Expect(kCode, ResponseMode::kFormPost)),
              FailsWith(Reason::kRedirectUriMismatch));
}

TEST(AuthorizationResponse, ComesToTheRedirectUriAskedFor) {
  // RFC 9700 section 4.4.2.2; cb-mixup-redirect-uri
  struct {
    const char* redirect_uri;
    const char* url;
    bool matches;
  } const rows[] = {
      {"https://app.example/cb", "https://app.example/cb?code=c&state=s", true},
      {"https://app.example", "https://app.example/?code=c&state=s", true},
      {"https://APP.example:443/cb", "https://app.example/cb?code=c&state=s", true},
      {"http://localhost:80/cb", "http://localhost/cb?code=c&state=s", true},
      {"http://127.0.0.1:5000/cb", "http://127.0.0.1:5000/cb?code=c&state=s", true},
      {"com.example.app:/cb", "com.example.app:/cb?code=c&state=s", true},
      {"https://app.example/cb?t=a", "https://app.example/cb?t=a&code=c&state=s", true},
      {"https://app.example/cb?t=a", "https://app.example/cb?code=c&state=s&t=a&hd=x", true},
      {"https://app.example/cb?t=a", "https://app.example/cb?code=c&state=s", false},
      {"https://app.example/cb?t=a", "https://app.example/cb?t=b&code=c&state=s", false},
      {"https://app.example/cb", "https://app.example/cb2?code=c&state=s", false},
      {"https://app.example/cb", "https://app.example/cb/?code=c&state=s", false},
      {"https://app.example/cb", "https://app.example/CB?code=c&state=s", false},
      {"https://app.example/cb", "http://app.example/cb?code=c&state=s", false},
      {"https://app.example/cb", "https://app.example:8443/cb?code=c&state=s", false},
      {"https://app.example/cb", "https://app.example.evil/cb?code=c&state=s", false},
      {"https://app.example/cb", "https://x@app.example/cb?code=c&state=s", false},
      {"http://127.0.0.1:5000/cb", "http://localhost:5000/cb?code=c&state=s", false},
  };
  for (const auto& row : rows) {
    auto expected = Expect(kCode, ResponseMode::kQuery);
    expected.redirect_uri = row.redirect_uri;
    if (row.matches) {
      EXPECT_THAT(CheckUrl(row.url, expected), IsOk()) << row.url;
    } else {
      EXPECT_THAT(CheckUrl(row.url, expected), FailsWith(Reason::kRedirectUriMismatch)) << row.url;
    }
  }
}

TEST(AuthorizationResponse, IsFromTheIssuerAsked) {
  // RFC 9207 section 2.4
  const std::string right = "&iss=https%3A%2F%2Fop.example";
  struct {
    const char* name;
    std::string body;
    bool required;
    std::optional<Reason> reason;
  } const rows[] = {
      {"right and promised", "state=s&code=c" + right, true, std::nullopt},
      {"cb-iss-unadvertised", "state=s&code=c" + right, false, std::nullopt},
      {"absent and not promised", "state=s&code=c", false, std::nullopt},
      {"absent and promised", "state=s&code=c", true, Reason::kIssuerMissing},
      {"empty and promised", "state=s&code=c&iss=", true, Reason::kIssuerMissing},
      {"cb-iss-wrong", "state=s&code=c" + right + "1", true, Reason::kIssuerMismatch},
      {"wrong and not promised", "state=s&code=c" + right + "1", false, Reason::kIssuerMismatch},
      {"trailing slash", "state=s&code=c" + right + "%2F", false, Reason::kIssuerMismatch},
      {"upper case", "state=s&code=c&iss=https%3A%2F%2FOP.example", false, Reason::kIssuerMismatch},
      {"cb-error-wrong-iss", "state=s&error=access_denied" + right + "1", true,
       Reason::kIssuerMismatch},
      {"cb-error-wrong-iss: missing", "state=s&error=access_denied", true, Reason::kIssuerMissing},
      {"error of the right one", "state=s&error=access_denied" + right, true,
       Reason::kProviderDenied},
      {"cb-mixup", "state=s&code=c&iss=https%3A%2F%2Fhonest.example", false,
       Reason::kIssuerMismatch},
  };
  for (const auto& row : rows) {
    auto expected = Expect(kCode, ResponseMode::kFormPost);
    expected.issuer_parameter_required = row.required;
    const absl::Status status = CheckForm(row.body, expected);
    if (row.reason) {
      EXPECT_THAT(status, FailsWith(*row.reason)) << row.name;
    } else {
      EXPECT_THAT(status, IsOk()) << row.name;
    }
  }
}

TEST(AuthorizationResponse, NeedsNoIssuerParameterBesideAnIdToken) {
  // The ID token's own `iss` is checked before the code goes anywhere. One that was not asked for
  // does not stand in for the parameter.
  auto expected = Expect(kCodeIdToken, ResponseMode::kFormPost);
  expected.issuer_parameter_required = true;
  EXPECT_THAT(CheckForm("state=s&code=c&id_token=i", expected), IsOk());
  EXPECT_THAT(CheckForm("state=s&code=c&id_token=i&iss=https%3A%2F%2Fevil", expected),
              FailsWith(Reason::kIssuerMismatch));
  EXPECT_THAT(CheckForm("state=s&error=access_denied&id_token=i", expected),
              FailsWith(Reason::kCallbackMalformed));
  expected.response_type = kCode;
  EXPECT_THAT(CheckForm("state=s&code=c&id_token=i", expected),
              FailsWith(Reason::kResponseParametersMismatch));
}

TEST(AuthorizationResponse, PassesRegisteredErrorsOn) {
  // RFC 6749 section 4.1.2.1, OIDC Core 3.1.2.6; cb-error-unregistered
  struct {
    std::string error;
    std::string told;
  } const rows[] = {
      {"access_denied", "access_denied"},
      {"login_required", "login_required"},
      {"temporarily_unavailable", "temporarily_unavailable"},
      {"unmet_authentication_requirements", "unmet_authentication_requirements"},
      {"foo+bar", "other"},
      {"Access_Denied", "other"},
      {"%C3%A4", "other"},
      {std::string(1024, 'e'), "other"},
  };
  for (const auto& row : rows) {
    const absl::Status status = CheckForm("state=s&error=" + row.error, kCodeIdToken);
    EXPECT_THAT(status, FailsWith(Reason::kProviderDenied)) << row.error;
    EXPECT_EQ(MetadataOf(status)["error"], row.told) << row.error;
  }
}

TEST(AuthorizationResponse, IsNotErrorAndSuccessAtOnce) {
  // cb-error-and-code
  for (const char* body :
       {"state=s&error=access_denied&code=c", "state=s&error=access_denied&id_token=i",
        "state=s&error=access_denied&access_token=a"}) {
    EXPECT_THAT(CheckForm(body, kCode), FailsWith(Reason::kCallbackMalformed)) << body;
  }
}

}  // namespace
}  // namespace tokenbroker::oauth
