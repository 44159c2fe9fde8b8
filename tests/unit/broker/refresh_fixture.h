// A broker whose refreshes a test looks at: on a store that fails when it is told to.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "broker/broker_fixture.h"
#include "broker/faulty_grant_store.h"

namespace tokenbroker::broker {

class Refreshing : public BrokerTest {
 protected:
  Refreshing() : Refreshing(std::make_unique<storage::MemoryGrantStore>(clock_)) {}
  // Before the store inside goes.
  ~Refreshing() override { runtime_.Stop(); }

  int Refreshes() const { return static_cast<int>(provider_->sent().size()) - sign_ins_; }

  grants::Grant SignInOnce(Issue issue = {.access_token = "AT1", .refresh_token = "RT1"}) {
    ++sign_ins_;
    return SignIn(std::move(issue));
  }

  grants::Grant Stored(const std::string& id) {
    auto grant = Run(store_->FindGrant(id));
    EXPECT_THAT(grant, testing::IsOk());
    return *std::move(grant);
  }

  static absl::Status LostOnTheWire() {
    return Error(Reason::kProviderUnavailable, {{"delivery", "unknown"}});
  }
  static absl::Status Answered(Reason reason) { return Error(reason, {{"delivery", "answered"}}); }

  FaultyGrantStore* faulty_ = nullptr;
  int sign_ins_ = 0;

 private:
  explicit Refreshing(std::unique_ptr<grants::GrantStore> inner)
      : BrokerTest(std::make_unique<FaultyGrantStore>(*inner)), inner_(std::move(inner)) {
    faulty_ = static_cast<FaultyGrantStore*>(store_.get());
  }
  std::unique_ptr<grants::GrantStore> inner_;
};

// An answer that comes when the test says so.
class HeldBack {
 public:
  FakeProvider::TokenAnswer Answer(std::string access_token, std::string refresh_token) {
    return Now([gate = gate_, access_token,
                refresh_token](const auto&) -> absl::StatusOr<oauth::TokenResponse> {
      gate.wait();
      return oauth::TokenResponse{.access_token = Secret(access_token),
                                  .token_type = "Bearer",
                                  .lifetime = absl::Hours(1),
                                  .refresh_token = Secret(refresh_token)};
    });
  }
  void Come() { come_.set_value(); }

 private:
  std::promise<void> come_;
  const std::shared_future<void> gate_ = come_.get_future().share();
};

inline void WaitUntil(const std::function<bool()>& condition) {
  while (!condition()) std::this_thread::yield();
}

inline bool IsIntent(const grants::GrantCommit& commit) {
  return commit.grant.intent && commit.grant.generation == commit.expected_generation;
}

}  // namespace tokenbroker::broker
