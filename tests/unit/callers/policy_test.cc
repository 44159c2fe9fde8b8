#include "callers/policy.h"

#include <memory>

#include "base/error.h"
#include "gmock/gmock.h"
#include "support/status_matchers.h"

namespace tokenbroker::callers {
namespace {

using testing::FailsWith;

constexpr char kSpiffe[] = "spiffe://example.com/ns/shop/sa/web";

absl::StatusOr<std::unique_ptr<const Policy>> MakePolicy(std::vector<Identity> identities) {
  std::vector<Caller> callers;
  callers.push_back({.name = "shop", .identities = std::move(identities)});
  callers.push_back({.name = "other", .identities = {DnsName{"other.example"}}});
  return Policy::Create(std::move(callers));
}

TEST(Policy, FindsACallerByEachKindOfIdentity) {
  ASSERT_OK_AND_ASSIGN(const auto policy,
                       MakePolicy({SpiffeId{kSpiffe}, DnsName{"Web.Shop.example"},
                                   JwtSubject{"https://issuer.example", "web"}}));
  const Caller* shop = policy->FindByName("shop");
  ASSERT_NE(shop, nullptr);
  EXPECT_EQ(policy->FindBySpiffeId(kSpiffe), shop);
  EXPECT_EQ(policy->FindByDnsName("web.shop.EXAMPLE"), shop);
  EXPECT_EQ(policy->FindByJwtSubject("https://issuer.example", "web"), shop);
}

TEST(Policy, ComparesToTheByte) {
  ASSERT_OK_AND_ASSIGN(const auto policy,
                       MakePolicy({SpiffeId{kSpiffe}, DnsName{"web.shop.example"},
                                   JwtSubject{"https://issuer.example", "web"}}));
  EXPECT_EQ(policy->FindBySpiffeId(std::string(kSpiffe) + "/"), nullptr);
  EXPECT_EQ(policy->FindBySpiffeId("spiffe://example.com/ns/shop/sa/WEB"), nullptr);
  EXPECT_EQ(policy->FindByDnsName("shop.example"), nullptr);
  EXPECT_EQ(policy->FindByDnsName("*.shop.example"), nullptr);
  EXPECT_EQ(policy->FindByJwtSubject("https://issuer.example/", "web"), nullptr);
  EXPECT_EQ(policy->FindByJwtSubject("https://issuer.example", "WEB"), nullptr);
}

TEST(Policy, RefusesCallersThatCannotBeToldApart) {
  EXPECT_THAT(MakePolicy({DnsName{"OTHER.example"}}), FailsWith(Reason::kInvalidRequest));
  std::vector<Caller> callers;
  callers.push_back({.name = "shop"});
  callers.push_back({.name = "shop"});
  EXPECT_THAT(Policy::Create(std::move(callers)), FailsWith(Reason::kInvalidRequest));
}

TEST(Caller, MayCallWhatIsNamedAndNothingElse) {
  struct Row {
    Names rpcs;
    std::string_view rpc;
    bool allowed;
  };
  for (const Row& row : {
           Row{{}, "GetGrant", false},
           Row{{"GetGrant"}, "GetGrant", true},
           Row{{"GetGrant"}, "ListGrants", false},
           Row{{"GetGrant"}, "Admin/GetGrant", false},
           Row{{"*"}, "GetGrant", true},
           Row{{"*"}, "Admin/ListGrants", false},
           Row{{"Admin/*"}, "Admin/ListGrants", true},
           Row{{"Admin/*"}, "ListGrants", false},
           Row{{"Admin/ListGrants"}, "ListGrants", false},
           Row{{"Admin/ListGrants"}, "Admin/ReloadConfig", false},
       }) {
    const Caller caller{.name = "shop", .rpcs = row.rpcs};
    EXPECT_EQ(caller.MayCall(row.rpc), row.allowed) << row.rpc;
  }
}

TEST(Caller, MayUseNothingByDefault) {
  const Caller caller{.name = "shop"};
  EXPECT_TRUE(caller.rpcs.empty());
  ASSERT_TRUE(caller.clients.has_value());
  EXPECT_TRUE(caller.clients->empty());
  EXPECT_EQ(caller.grants, GrantVisibility::kOwn);
}

}  // namespace
}  // namespace tokenbroker::callers
