#include "storage/memory/memory_grant_store.h"

#include "contract/grant_store_contract.h"

namespace tokenbroker::testing {
namespace {

class MemoryHarness final : public GrantStoreHarness {
 public:
  grants::GrantStore& store() override { return store_; }
  grants::GrantStore& other_replica() override { return store_; }
  limits::LimitStore& limit_store() override { return store_; }
  limits::LimitStore& other_limit_store() override { return store_; }
  ManualClock& clock() override { return clock_; }
  void Elapse(absl::Duration duration) override { clock_.Advance(duration); }

 private:
  ManualClock clock_;
  storage::MemoryGrantStore store_{clock_};
};

}  // namespace

std::unique_ptr<GrantStoreHarness> NewGrantStoreHarness(Runtime&) {
  return std::make_unique<MemoryHarness>();
}

namespace {

TEST(MemoryGrantStore, TakesNoMoreThanItsLimits) {
  ManualClock clock;
  Runtime runtime(1);
  storage::MemoryGrantStore store(clock,
                                  {.pending_authorizations = 1, .grants = 1, .token_ids = 1});
  const auto put = [&](std::string_view state) {
    return RunBlocking(runtime,
                       store.PutAuthorization(Secret(state), SampleAuthorization(clock.Now())));
  };
  const auto create = [&](const std::string& id) {
    grants::Grant grant = SampleGrant(id, clock.Now());
    grant.ends_at = clock.Now() + absl::Hours(1);
    return RunBlocking(runtime, store.CreateGrant(std::move(grant)));
  };
  ASSERT_OK(put("1"));
  EXPECT_THAT(put("2"), FailsWith(Reason::kLimitReached));
  const auto remember = [&](const std::string& id) {
    return RunBlocking(runtime, store.RememberTokenId({.token_id = id}, absl::Hours(1)));
  };
  ASSERT_OK(remember("1"));
  EXPECT_OK(remember("1"));
  EXPECT_THAT(remember("2"), FailsWith(Reason::kLimitReached));
  ASSERT_OK(create("1"));
  EXPECT_THAT(create("2"), FailsWith(Reason::kLimitReached));
  clock.Advance(absl::Hours(1));
  EXPECT_OK(put("2"));
  EXPECT_OK(create("2"));
  EXPECT_OK(remember("2"));
}

}  // namespace
}  // namespace tokenbroker::testing
