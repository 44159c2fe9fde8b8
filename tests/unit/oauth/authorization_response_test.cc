#include <string>

#include "gmock/gmock.h"
#include "oauth/authorization_response.h"
#include "support/status_matchers.h"

namespace tokenbroker::oauth {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using testing::IsOk;

std::string Text(const std::optional<Secret>& secret) {
  return secret ? std::string(secret->Reveal()) : "(none)";
}

TEST(FormPost, IsReadWithEveryParameter) {
  ASSERT_OK_AND_ASSIGN(
      const AuthorizationResponse response,
      ParseFormPost("code=c&id_token=i.j.k&access_token=a&token_type=Bearer&expires_in=3600"
                    "&state=s&iss=https%3A%2F%2Fop.example&session_state=x&scope=openid&hd=y"));
  EXPECT_EQ(response.mode, ResponseMode::kFormPost);
  EXPECT_EQ(response.state.Reveal(), "s");
  EXPECT_EQ(Text(response.code), "c");
  EXPECT_EQ(Text(response.id_token), "i.j.k");
  EXPECT_EQ(Text(response.access_token), "a");
  EXPECT_EQ(response.token_type, "Bearer");
  EXPECT_EQ(response.expires_in, "3600");
  EXPECT_EQ(response.issuer, "https://op.example");
  EXPECT_FALSE(response.error);
  EXPECT_FALSE(response.response);
}

TEST(FormPost, IsDecodedOnce) {
  // cb-form-decoding
  ASSERT_OK_AND_ASSIGN(const AuthorizationResponse response,
                       ParseFormPost("state=s%2B%2F%3D%25%26+s&code=%C3%A4%252B"));
  EXPECT_EQ(response.state.Reveal(), "s+/=%& s");
  EXPECT_EQ(Text(response.code), "\xC3\xA4%2B");
}

TEST(FormPost, TakesParametersWithoutValueAsAbsent) {
  // RFC 6749 section 3.1
  ASSERT_OK_AND_ASSIGN(const AuthorizationResponse response,
                       ParseFormPost("state=s&code=&id_token&error=&iss="));
  EXPECT_FALSE(response.code);
  EXPECT_FALSE(response.id_token);
  EXPECT_FALSE(response.error);
  EXPECT_FALSE(response.issuer);
}

TEST(FormPost, RefusesEveryKnownParameterGivenTwice) {
  // RFC 6749 section 3.1; cb-duplicate-critical-param
  for (const std::string name :
       {"state", "code", "id_token", "access_token", "token_type", "expires_in", "iss", "error",
        "error_description", "error_uri", "scope", "session_state", "response"}) {
    const std::string rest = name == "state" ? "" : "&state=s";
    for (const std::string& twice : {"=x&" + name + "=y", "=x&" + name + "=x", "=&" + name + "=x",
                                     "=x&%" + std::string(name == "state" ? "73tate" : "")}) {
      if (twice.ends_with('%')) continue;
      const auto response = ParseFormPost(name + twice + rest);
      EXPECT_THAT(response, FailsWith(Reason::kDuplicateParameter)) << name << twice;
      EXPECT_EQ(MetadataOf(response.status())["parameter"], name);
    }
  }
}

TEST(FormPost, LetsUnknownParametersRepeat) {
  EXPECT_THAT(ParseFormPost("state=s&x=1&x=2&=&="), IsOk());
}

TEST(FormPost, IsMalformedWithoutAnything) {
  for (const char* body : {"", "&", "&&&&"}) {
    EXPECT_THAT(ParseFormPost(body), FailsWith(Reason::kCallbackMalformed)) << body;
  }
}

TEST(FormPost, HasNoStateUnlessItSaysSo) {
  // cb-state-missing, cb-error-wrong-or-no-state
  for (const char* body : {"code=c", "error=access_denied", "state=", "state", "State=s", "x"}) {
    EXPECT_THAT(ParseFormPost(body), FailsWith(Reason::kStateUnknown)) << body;
  }
}

// `{"state":"s","code":"c"}` between a header and a signature that nobody has looked at.
constexpr char kJwt[] = "e30.eyJzdGF0ZSI6InMiLCJjb2RlIjoiYyJ9.AAAA";

TEST(FormPost, KeepsJarmResponsesClosed) {
  ASSERT_OK_AND_ASSIGN(const AuthorizationResponse response,
                       ParseFormPost(std::string("response=") + kJwt + "&session_state=x"));
  EXPECT_EQ(response.mode, ResponseMode::kFormPostJwt);
  EXPECT_EQ(Text(response.response), kJwt);
  EXPECT_EQ(response.state.Reveal(), "s");
  EXPECT_FALSE(response.code);
}

TEST(FormPost, RefusesWhateverStandsBesideAJarmResponse) {
  // jarm-downgrade: also where it says the same
  for (const char* beside :
       {"state=s", "state=t", "code=c", "iss=https%3A%2F%2Fop.example", "error=access_denied",
        "id_token=a.b.c", "access_token=a", "token_type=Bearer", "expires_in=1"}) {
    const auto response = ParseFormPost(std::string(beside) + "&response=" + kJwt);
    EXPECT_THAT(response, FailsWith(Reason::kResponseParametersMismatch)) << beside;
    EXPECT_EQ(MetadataOf(response.status())["parameter"], "response");
  }
}

TEST(FormPost, RefusesJarmResponsesThatCannotBeAny) {
  for (const char* jwt : {"a.b.c", "e30", "e30.e30", "e30.W10.AA", "e30.e30.AA.AA.AA", "e30..AA",
                          "e30.eyJzdGF0ZSI6InMi.AA"}) {
    EXPECT_THAT(ParseFormPost(std::string("response=") + jwt), FailsWith(Reason::kJwtMalformed))
        << jwt;
  }
  // {}, {"state":1}, {"state":""}
  for (const char* payload : {"e30", "eyJzdGF0ZSI6MX0", "eyJzdGF0ZSI6IiJ9"}) {
    EXPECT_THAT(ParseFormPost("response=e30." + std::string(payload) + ".AA"),
                FailsWith(Reason::kStateUnknown))
        << payload;
  }
}

TEST(FormPost, RefusesControlCharactersWhereTheyAreRead) {
  for (const char* body : {"state=s%0A", "state=s&code=c%0D%0A", "state=s&error=%09",
                           "state=s&iss=x%0A", "state=s&id_token=%0A"}) {
    EXPECT_THAT(ParseFormPost(body), FailsWith(Reason::kCallbackMalformed)) << body;
  }
  // As Entra ID writes it.
  EXPECT_THAT(ParseFormPost("state=s&error=access_denied&error_description=a%0D%0ATrace+ID:+1"),
              IsOk());
}

TEST(FormPost, StopsAtItsLimits) {
  // cb-oversize
  EXPECT_THAT(ParseFormPost("state=s&code=" + std::string(64 << 10, 'c')), IsOk());
  EXPECT_THAT(ParseFormPost("state=s&code=" + std::string(10 << 20, 'c')),
              FailsWith(Reason::kCallbackTooLarge));
  std::string many = "state=s";
  for (int i = 0; i < 10000; ++i) many += "&p" + std::to_string(i) + "=v";
  EXPECT_THAT(ParseFormPost(many), FailsWith(Reason::kCallbackTooLarge));
  EXPECT_THAT(ParseFormPost(std::string(100000, '&')), FailsWith(Reason::kCallbackTooLarge));
}

TEST(RedirectUrl, BringsResponseByQuery) {
  // cb-happy-code-query
  ASSERT_OK_AND_ASSIGN(const AuthorizationResponse response,
                       ParseRedirectUrl("https://app.example/cb?tenant=a&code=c&state=s&hd=x"));
  EXPECT_EQ(response.mode, ResponseMode::kQuery);
  EXPECT_EQ(response.redirect_uri, "https://app.example/cb");
  EXPECT_THAT(response.other_query_fields, ElementsAre("tenant=a", "hd=x"));
  EXPECT_EQ(Text(response.code), "c");
  EXPECT_EQ(response.state.Reveal(), "s");
}

TEST(RedirectUrl, BringsResponseByFragment) {
  ASSERT_OK_AND_ASSIGN(
      const AuthorizationResponse response,
      ParseRedirectUrl("http://127.0.0.1:5000/cb?tenant=a#code=c&id_token=i.j.k&state=s"));
  EXPECT_EQ(response.mode, ResponseMode::kFragment);
  EXPECT_EQ(response.redirect_uri, "http://127.0.0.1:5000/cb");
  EXPECT_THAT(response.other_query_fields, ElementsAre("tenant=a"));
  EXPECT_EQ(Text(response.id_token), "i.j.k");
}

TEST(RedirectUrl, BringsJarmResponses) {
  ASSERT_OK_AND_ASSIGN(
      const AuthorizationResponse by_query,
      ParseRedirectUrl(std::string("https://app.example/cb?t=a&response=") + kJwt));
  EXPECT_EQ(by_query.mode, ResponseMode::kQueryJwt);
  EXPECT_EQ(by_query.redirect_uri, "https://app.example/cb");
  EXPECT_THAT(by_query.other_query_fields, ElementsAre("t=a"));
  ASSERT_OK_AND_ASSIGN(const AuthorizationResponse by_fragment,
                       ParseRedirectUrl(std::string("https://app.example/cb#response=") + kJwt));
  EXPECT_EQ(by_fragment.mode, ResponseMode::kFragmentJwt);
  EXPECT_EQ(by_fragment.state.Reveal(), "s");
  // Plain parameters in the query are no better than beside it.
  EXPECT_THAT(ParseRedirectUrl(std::string("https://app.example/cb?code=c#response=") + kJwt),
              FailsWith(Reason::kCallbackMalformed));
}

TEST(RedirectUrl, MayHaveAFragmentThatSaysNothing) {
  for (const char* url : {"https://a/?code=c&state=s#", "https://a/?code=c&state=s#_=_",
                          "com.example.app:/cb?code=c&state=s"}) {
    const auto response = ParseRedirectUrl(url);
    ASSERT_THAT(response, IsOk()) << url;
    EXPECT_EQ(response->mode, ResponseMode::kQuery) << url;
  }
}

TEST(RedirectUrl, KeepsCharactersThatBrowsersDoNotEncode) {
  ASSERT_OK_AND_ASSIGN(const AuthorizationResponse response,
                       ParseRedirectUrl("https://a/cb?code=c|{}[]^`\"\\'&state=s"));
  EXPECT_EQ(Text(response.code), "c|{}[]^`\"\\'");
}

TEST(RedirectUrl, RefusesWhatIsNoCallback) {
  struct {
    const char* url;
    Reason reason;
  } const rows[] = {
      {"", Reason::kCallbackMalformed},
      {"code=c&state=s", Reason::kCallbackMalformed},
      {"/cb?code=c&state=s", Reason::kCallbackMalformed},
      {"https://a/cb", Reason::kCallbackMalformed},
      {"https://a/cb?", Reason::kCallbackMalformed},
      {"https://a/cb#", Reason::kCallbackMalformed},
      {"https://a/cb?&&&", Reason::kCallbackMalformed},
      {"https://a/cb?state=s&code=c#state=s", Reason::kCallbackMalformed},
      {"https://a/cb?code=c#id_token=i&state=s", Reason::kCallbackMalformed},
      {"https://a/cb?code=%&state=s", Reason::kCallbackMalformed},
      {"https://a b/cb?code=c&state=s", Reason::kCallbackMalformed},
      {"https://a/cb?tenant=a", Reason::kStateUnknown},
      {"https://a/cb?code=c", Reason::kStateUnknown},
      {"https://a/cb?state=s&state=s", Reason::kDuplicateParameter},
      {"https://a/cb#state=s&code=c&code=d", Reason::kDuplicateParameter},
      {"https://a/cb?response=a.b.c", Reason::kJwtMalformed},
  };
  for (const auto& row : rows) {
    EXPECT_THAT(ParseRedirectUrl(row.url), FailsWith(row.reason)) << row.url;
  }
  EXPECT_THAT(ParseRedirectUrl("https://a/?state=s&code=" + std::string(1 << 20, 'c')),
              FailsWith(Reason::kCallbackTooLarge));
}

}  // namespace
}  // namespace tokenbroker::oauth
