#include "contract/grant_store_contract.h"

namespace tokenbroker::testing {
namespace {

using grants::Grant;
using grants::GrantState;
using grants::RewrapPage;

class RewrapContract : public GrantStoreContract {
 protected:
  // All pages as one, each made twice: a page may be made again where its answer was lost.
  RewrapPage RewrapAll(std::size_t page_size) {
    RewrapPage sum;
    std::string page_token;
    do {
      EXPECT_OK(Run(store().RewrapGrants(page_size, page_token)));
      const auto page = Run(other_replica().RewrapGrants(page_size, page_token));
      EXPECT_OK(page);
      if (!page.ok()) break;
      EXPECT_LE(page->rewrapped + page->current + page->unreadable, page_size);
      sum.rewrapped += page->rewrapped;
      sum.current += page->current;
      sum.unreadable += page->unreadable;
      page_token = page->next_page_token;
    } while (!page_token.empty());
    return sum;
  }
};

TEST_F(RewrapContract, LooksAtEveryGrantOnceTombstonesIncluded) {
  EXPECT_EQ(RewrapAll(10).current, 0u);
  for (const char* id : {"1", "2", "3", "4", "5"}) Created(id);
  ASSERT_OK(Run(store().EndGrant("2", GrantState::kRevoked, "revoked", absl::Hours(1))));
  for (const std::size_t page_size : {1u, 2u, 100u}) {
    const RewrapPage all = RewrapAll(page_size);
    EXPECT_EQ(all.current, 5u) << page_size;
    EXPECT_EQ(all.rewrapped, 0u) << page_size;
    EXPECT_EQ(all.unreadable, 0u) << page_size;
  }
}

TEST_F(RewrapContract, LeavesGrantsAsTheyAre) {
  const Grant created = Created("grant");
  const grants::Lease lease = Leased("grant", "holder");
  RewrapAll(10);
  const Grant stored = Stored("grant");
  EXPECT_EQ(stored.generation, created.generation);
  EXPECT_EQ(stored.refresh_token, created.refresh_token);
  grants::GrantCommit commit = NextGeneration(created);
  commit.lease = lease;
  EXPECT_OK(Run(store().CommitGrant(std::move(commit))));
}

TEST_F(RewrapContract, RefusesAPageTokenThatIsNone) {
  Created("grant");
  EXPECT_THAT(Run(store().RewrapGrants(10, "nonsense")), FailsWith(Reason::kPageTokenInvalid));
}

}  // namespace
}  // namespace tokenbroker::testing
