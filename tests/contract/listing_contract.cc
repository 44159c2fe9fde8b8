#include "contract/grant_store_contract.h"

namespace tokenbroker::testing {
namespace {

using grants::Grant;
using grants::GrantFilter;
using grants::GrantState;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class ListingContract : public GrantStoreContract {
 protected:
  // One second after the last.
  void Create(const std::string& id, const std::string& caller, const std::string& client,
              const std::string& subject, const std::string& issuer = "https://op.example.test",
              const std::string& session_id = "secret-sid") {
    Elapse(absl::Seconds(1));
    Grant grant = SampleGrant(id, Now());
    grant.caller = caller;
    grant.client = client;
    grant.id_token.subject = subject;
    grant.id_token.issuer = issuer;
    grant.id_token.session_id = session_id;
    Created(std::move(grant));
  }

  void CreateSome() {
    Create("1", "alpha", "web", "alice");
    Create("2", "alpha", "web", "bob");
    Create("3", "alpha", "app", "alice", "https://op.example.test", "secret-sid-2");
    Create("4", "beta", "web", "alice");
    Create("5", "beta", "web", "alice", "https://other.example.test");
  }

  // The ids of every page, in order.
  std::vector<std::string> List(const GrantFilter& filter, std::size_t page_size = 2) {
    std::vector<std::string> ids;
    std::string page_token;
    do {
      const auto page = Run(other_replica().ListGrants(filter, page_size, page_token));
      EXPECT_OK(page);
      if (!page.ok()) break;
      EXPECT_LE(page->grants.size(), page_size);
      for (const Grant& grant : page->grants) ids.push_back(grant.id);
      page_token = page->next_page_token;
    } while (!page_token.empty());
    return ids;
  }
};

TEST_F(ListingContract, IsEmptyWhereNothingMatches) {
  EXPECT_THAT(List({}), IsEmpty());
  EXPECT_THAT(List({.caller = "alpha"}), IsEmpty());
  CreateSome();
  EXPECT_THAT(List({.caller = "gamma"}), IsEmpty());
  EXPECT_THAT(List({.caller = "alpha", .subject = "carol"}), IsEmpty());
}

TEST_F(ListingContract, HasWhatTheFilterNamesNewestFirst) {
  CreateSome();
  EXPECT_THAT(List({.caller = "alpha"}), ElementsAre("3", "2", "1"));
  EXPECT_THAT(List({.client = "web"}), ElementsAre("5", "4", "2", "1"));
  EXPECT_THAT(List({.caller = "alpha", .client = "web"}), ElementsAre("2", "1"));
  EXPECT_THAT(List({.client = "web", .subject = "alice"}), ElementsAre("5", "4", "1"));
  EXPECT_THAT(List({.subject = "alice", .issuer = "https://op.example.test"}),
              ElementsAre("4", "3", "1"));
  EXPECT_THAT(List({.issuer = "https://op.example.test", .session_id = "secret-sid-2"}),
              ElementsAre("3"));
  EXPECT_THAT(List({.issuer = "https://other.example.test", .session_id = "secret-sid"}),
              ElementsAre("5"));
}

TEST_F(ListingContract, HasEveryGrantWithoutAFilter) {
  CreateSome();
  EXPECT_THAT(List({}), UnorderedElementsAre("1", "2", "3", "4", "5"));
  EXPECT_THAT(List({.issuer = "https://other.example.test"}), UnorderedElementsAre("5"));
}

TEST_F(ListingContract, ShowsTombstonesAndTellsStatesApart) {
  CreateSome();
  ASSERT_OK(Run(store().EndGrant("2", GrantState::kRevoked, "revoked", absl::Hours(1))));
  EXPECT_THAT(List({.caller = "alpha"}), ElementsAre("3", "2", "1"));
  EXPECT_THAT(List({.caller = "alpha", .state = GrantState::kActive}), ElementsAre("3", "1"));
  EXPECT_THAT(List({.caller = "alpha", .state = GrantState::kRevoked}), ElementsAre("2"));
  EXPECT_THAT(List({.state = GrantState::kRevoked}), ElementsAre("2"));
  Elapse(absl::Hours(1));
  EXPECT_THAT(List({.caller = "alpha"}), ElementsAre("3", "1"));
  EXPECT_THAT(List({}), UnorderedElementsAre("1", "3", "4", "5"));
}

TEST_F(ListingContract, HandsOverWholeGrants) {
  Grant grant = SampleGrant("grant", Now());
  const Grant created = Created(std::move(grant));
  const auto page = Run(store().ListGrants({.caller = created.caller}, 10, ""));
  ASSERT_OK(page);
  ASSERT_THAT(page->grants, SizeIs(1));
  EXPECT_EQ(EverythingIn(page->grants[0]), EverythingIn(created));
}

TEST_F(ListingContract, PagesThroughGrantsOfTheSameInstant) {
  std::vector<std::string> ids;
  for (int i = 0; i < 25; ++i) {
    ids.push_back("grant-" + std::to_string(100 + i));
    Created(SampleGrant(ids.back(), Now()));
  }
  const std::string caller = SampleGrant("", Now()).caller;
  for (const std::size_t page_size : {1u, 2u, 7u, 24u, 25u, 26u}) {
    SCOPED_TRACE(page_size);
    EXPECT_THAT(List({.caller = caller}, page_size), ::testing::UnorderedElementsAreArray(ids));
    EXPECT_THAT(List({}, page_size), ::testing::UnorderedElementsAreArray(ids));
  }
}

TEST_F(ListingContract, GoesOnWhereThePageEndedWhateverHappensInBetween) {
  CreateSome();
  const auto first = Run(store().ListGrants({.client = "web"}, 2, ""));
  ASSERT_OK(first);
  ASSERT_THAT(first->grants, SizeIs(2));
  Create("6", "alpha", "web", "carol");
  ASSERT_OK(Run(store().EndGrant("4", GrantState::kRevoked, "revoked", absl::Seconds(1))));
  Elapse(absl::Seconds(2));
  const auto second =
      Run(other_replica().ListGrants({.client = "web"}, 10, first->next_page_token));
  ASSERT_OK(second);
  std::vector<std::string> ids;
  for (const Grant& grant : second->grants) ids.push_back(grant.id);
  EXPECT_THAT(ids, ElementsAre("2", "1"));
}

TEST_F(ListingContract, RefusesPageTokensOfAnotherMaking) {
  CreateSome();
  const auto first = Run(store().ListGrants({.client = "web"}, 1, ""));
  ASSERT_OK(first);
  const std::string& token = first->next_page_token;
  ASSERT_FALSE(token.empty());
  EXPECT_EQ(token.find("secret"), std::string::npos);
  for (const std::string& wrong : {std::string("1"), std::string("!"), token + "A",
                                   token.substr(0, token.size() - 4), std::string(5000, 'A')}) {
    EXPECT_THAT(Run(store().ListGrants({.client = "web"}, 1, wrong)),
                FailsWith(Reason::kPageTokenInvalid));
  }
  EXPECT_THAT(Run(store().ListGrants({.caller = "web"}, 1, token)),
              FailsWith(Reason::kPageTokenInvalid));
  EXPECT_THAT(Run(store().ListGrants({}, 1, token)), FailsWith(Reason::kPageTokenInvalid));
}

}  // namespace
}  // namespace tokenbroker::testing
