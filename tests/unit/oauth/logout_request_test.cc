#include "oauth/logout_request.h"

#include "gmock/gmock.h"
#include "support/status_matchers.h"

namespace tokenbroker::oauth {
namespace {

using testing::FailsWith;

TEST(LogoutRequest, HasWhatItIsGivenInTheQuery) {
  const Secret id_token("head.body.signature");
  ASSERT_OK_AND_ASSIGN(const Secret url, BuildLogoutUrl("https://op.example/end",
                                                        {.id_token_hint = &id_token,
                                                         .client_id = "shop id",
                                                         .post_logout_redirect_uri =
                                                             "https://app.example/bye?a=1&b=2",
                                                         .state = "s&t"}));
  EXPECT_EQ(url.Reveal(),
            "https://op.example/end?id_token_hint=head.body.signature&client_id=shop%20id"
            "&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye%3Fa%3D1%26b%3D2"
            "&state=s%26t");
}

TEST(LogoutRequest, LeavesOutWhatItIsNotGiven) {
  ASSERT_OK_AND_ASSIGN(const Secret url,
                       BuildLogoutUrl("https://op.example/end", {.client_id = "shop"}));
  EXPECT_EQ(url.Reveal(), "https://op.example/end?client_id=shop");
}

TEST(LogoutRequest, KeepsTheEndpointsOwnQueryButNotOurNames) {
  ASSERT_OK_AND_ASSIGN(
      const Secret url,
      BuildLogoutUrl("https://op.example/end?tenant=a&&client%5Fid=evil&x", {.client_id = "shop"}));
  EXPECT_EQ(url.Reveal(), "https://op.example/end?tenant=a&x&client_id=shop");
}

TEST(LogoutRequest, GoesToAWebPageOnly) {
  for (const char* endpoint : {"", "op.example", "javascript:alert(1)", "https://u@op.example/",
                               "https://op.example/#x", "ftp://op.example/", "https:///end"}) {
    EXPECT_THAT(BuildLogoutUrl(endpoint, {.client_id = "shop"}),
                FailsWith(Reason::kProviderMisconfigured))
        << endpoint;
  }
}

}  // namespace
}  // namespace tokenbroker::oauth
