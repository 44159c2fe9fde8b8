#include "contract/grant_store_contract.h"

namespace tokenbroker::testing {
namespace {

using grants::PendingRevocation;

class RevocationContract : public GrantStoreContract {
 protected:
  PendingRevocation Make(const std::string& id) {
    PendingRevocation revocation{
        .id = id, .client = "web", .tokens = {}, .queued_at = Now(), .attempts = 2};
    revocation.tokens.push_back({Secret("secret-refresh-token"), "refresh_token"});
    revocation.tokens.push_back({Secret("secret-access-token"), "access_token"});
    return revocation;
  }
  absl::Status Put(const std::string& id, absl::Duration due_in) {
    return Run(store().PutRevocation(Make(id), Now() + due_in, absl::Hours(10)));
  }
  std::vector<std::string> Claim(std::size_t limit = 10) {
    auto claimed = Run(other_replica().ClaimRevocations(Now(), limit, absl::Minutes(10)));
    EXPECT_OK(claimed);
    std::vector<std::string> ids;
    for (const PendingRevocation& revocation : *claimed) ids.push_back(revocation.id);
    std::sort(ids.begin(), ids.end());
    return ids;
  }
};

TEST_F(RevocationContract, IsClaimedByOneWhenItIsDue) {
  ASSERT_OK(Put("a", absl::ZeroDuration()));
  ASSERT_OK(Put("b", absl::Minutes(30)));
  EXPECT_EQ(Claim(), std::vector<std::string>{"a"});
  EXPECT_TRUE(Claim().empty()) << "hidden from other claims";
  Elapse(absl::Minutes(31));
  EXPECT_EQ(Claim(), (std::vector<std::string>{"a", "b"})) << "nobody dropped it";
}

TEST_F(RevocationContract, ComesBackAsItWas) {
  const PendingRevocation put = Make("a");
  ASSERT_OK(Run(store().PutRevocation(put.Copy(), Now(), absl::Hours(1))));
  auto claimed = Run(other_replica().ClaimRevocations(Now(), 1, absl::Minutes(10)));
  ASSERT_OK(claimed);
  ASSERT_EQ(claimed->size(), 1u);
  const PendingRevocation& got = claimed->front();
  EXPECT_EQ(got.id, put.id);
  EXPECT_EQ(got.client, put.client);
  EXPECT_EQ(got.queued_at, put.queued_at);
  EXPECT_EQ(got.attempts, put.attempts);
  ASSERT_EQ(got.tokens.size(), 2u);
  EXPECT_EQ(got.tokens[0].value, put.tokens[0].value);
  EXPECT_EQ(got.tokens[0].type, "refresh_token");
  EXPECT_EQ(got.tokens[1].value, put.tokens[1].value);
}

TEST_F(RevocationContract, IsReplacedUnderItsId) {
  ASSERT_OK(Put("a", absl::ZeroDuration()));
  ASSERT_OK(Put("a", absl::Minutes(30)));
  EXPECT_TRUE(Claim().empty());
  Elapse(absl::Minutes(31));
  EXPECT_EQ(Claim(), std::vector<std::string>{"a"});
}

TEST_F(RevocationContract, IsForgottenWhenDroppedAndWhenItsTimeIsUp) {
  ASSERT_OK(Put("a", absl::ZeroDuration()));
  ASSERT_OK(Put("b", absl::ZeroDuration()));
  ASSERT_OK(Run(other_replica().DropRevocation("a")));
  ASSERT_OK(Run(other_replica().DropRevocation("unheard-of")));
  EXPECT_EQ(Claim(), std::vector<std::string>{"b"});
  Elapse(absl::Hours(10));
  EXPECT_TRUE(Claim().empty());
}

TEST_F(RevocationContract, IsClaimedSomeAtATime) {
  for (const char* id : {"a", "b", "c"}) ASSERT_OK(Put(id, absl::ZeroDuration()));
  EXPECT_EQ(Claim(2).size(), 2u);
  EXPECT_EQ(Claim(2).size(), 1u);
}

TEST_F(RevocationContract, IsCountedUntilItIsDropped) {
  const auto summary = [this] {
    auto summarized = Run(other_replica().SummarizeRevocations());
    EXPECT_OK(summarized);
    return *summarized;
  };
  EXPECT_EQ(summary().pending, 0u);
  EXPECT_EQ(summary().oldest, std::nullopt);
  const auto in_milliseconds = [](absl::Time time) { return absl::ToUnixMillis(time); };
  const std::int64_t first = in_milliseconds(Now());
  ASSERT_OK(Put("a", absl::Hours(1)));
  Elapse(absl::Minutes(1));
  const std::int64_t second = in_milliseconds(Now());
  ASSERT_OK(Put("b", absl::ZeroDuration()));
  EXPECT_EQ(Claim(), std::vector<std::string>{"b"});
  EXPECT_EQ(summary().pending, 2u) << "a claim is no confirmation";
  EXPECT_EQ(in_milliseconds(summary().oldest.value()), first);
  ASSERT_OK(Run(store().DropRevocation("a")));
  EXPECT_EQ(summary().pending, 1u);
  EXPECT_EQ(in_milliseconds(summary().oldest.value()), second);
  Elapse(absl::Hours(10));
  EXPECT_TRUE(Claim().empty());
  EXPECT_EQ(summary().pending, 0u) << "its time is up";
  EXPECT_EQ(summary().oldest, std::nullopt);
}

}  // namespace
}  // namespace tokenbroker::testing
