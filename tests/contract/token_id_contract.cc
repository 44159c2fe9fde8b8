#include "contract/grant_store_contract.h"

namespace tokenbroker::testing {
namespace {

using grants::TokenId;

TokenId LogoutToken(const std::string& token_id) {
  return {.issuer = "https://op.example.test", .audience = "web-client", .token_id = token_id};
}

class TokenIdContract : public GrantStoreContract {
 protected:
  bool Remembers(const TokenId& id) {
    const auto remembers = Run(other_replica().RemembersTokenId(id));
    EXPECT_OK(remembers);
    return remembers.ok() && *remembers;
  }
};

TEST_F(TokenIdContract, IsRememberedByEveryReplicaForItsTime) {
  EXPECT_FALSE(Remembers(LogoutToken("secret-jti")));
  ASSERT_OK(Run(store().RememberTokenId(LogoutToken("secret-jti"), absl::Minutes(10))));
  EXPECT_TRUE(Remembers(LogoutToken("secret-jti")));
  Elapse(absl::Minutes(8));
  EXPECT_TRUE(Remembers(LogoutToken("secret-jti")));
  Elapse(absl::Minutes(2));
  EXPECT_FALSE(Remembers(LogoutToken("secret-jti")));
}

TEST_F(TokenIdContract, IsAnotherForAnotherIssuerOrAudience) {
  ASSERT_OK(Run(store().RememberTokenId(LogoutToken("secret-jti"), absl::Minutes(10))));
  TokenId id = LogoutToken("secret-jti");
  id.issuer = "https://other.example.test";
  EXPECT_FALSE(Remembers(id));
  id = LogoutToken("secret-jti");
  id.audience = "app-client";
  EXPECT_FALSE(Remembers(id));
  EXPECT_FALSE(Remembers(LogoutToken("secret-jti2")));
  // The same letters, split elsewhere.
  id = LogoutToken("secret-jti");
  id.issuer.pop_back();
  id.audience.insert(0, "t");
  EXPECT_FALSE(Remembers(id));
}

TEST_F(TokenIdContract, IsNeverRememberedForLessLongThanBefore) {
  ASSERT_OK(Run(store().RememberTokenId(LogoutToken("a"), absl::Minutes(30))));
  ASSERT_OK(Run(store().RememberTokenId(LogoutToken("a"), absl::Minutes(1))));
  ASSERT_OK(Run(store().RememberTokenId(LogoutToken("b"), absl::Minutes(1))));
  ASSERT_OK(Run(store().RememberTokenId(LogoutToken("b"), absl::Minutes(30))));
  Elapse(absl::Minutes(20));
  EXPECT_TRUE(Remembers(LogoutToken("a")));
  EXPECT_TRUE(Remembers(LogoutToken("b")));
}

}  // namespace
}  // namespace tokenbroker::testing
