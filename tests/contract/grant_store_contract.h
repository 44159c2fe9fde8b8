// What every grants::GrantStore promises, as tests that run on each implementation: the tests are
// linked into one binary per implementation, which defines NewGrantStoreHarness.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "grants/grant_store.h"
#include "gtest/gtest.h"
#include "limits/limit_store.h"
#include "net/runtime.h"
#include "support/manual_clock.h"
#include "support/recording_observer.h"
#include "support/sample_grant.h"
#include "support/status_matchers.h"

namespace tokenbroker::testing {

// One deployment: an empty store that two replicas use.
class GrantStoreHarness {
 public:
  virtual ~GrantStoreHarness() = default;

  virtual grants::GrantStore& store() = 0;
  // As another replica sees it; may be the same object.
  virtual grants::GrantStore& other_replica() = 0;
  // What the same two keep beside grants.
  virtual limits::LimitStore& limit_store() = 0;
  virtual limits::LimitStore& other_limit_store() = 0;
  virtual ManualClock& clock() = 0;
  // Lets time go by, for the clock and for whatever time the store goes by. Real time may count
  // too, so tests leave minutes where they mean "not yet".
  virtual void Elapse(absl::Duration duration) = 0;
};

// The implementation under test, whose coroutines run on `runtime`; never null.
std::unique_ptr<GrantStoreHarness> NewGrantStoreHarness(Runtime& runtime);

class GrantStoreContract : public ::testing::Test {
 protected:
  GrantStoreContract() : runtime_(4), harness_(NewGrantStoreHarness(runtime_)) {
    harness_->store().Observe(&observer_);
  }

  grants::GrantStore& store() { return harness_->store(); }
  grants::GrantStore& other_replica() { return harness_->other_replica(); }
  RecordingObserver& observer() { return observer_; }
  void Elapse(absl::Duration duration) { harness_->Elapse(duration); }
  absl::Time Now() { return harness_->clock().Now(); }

  template <typename T>
  T Run(asio::awaitable<T> task) {
    return RunBlocking(runtime_, std::move(task));
  }

  // `count` calls of `attempt(i)` at the same time, each on a thread of its own.
  template <typename Attempt>
  auto RunTogether(int count, Attempt attempt) {
    std::vector<decltype(attempt(0))> results;
    results.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) results.push_back(absl::UnknownError("not run"));
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) {
      threads.emplace_back([&, i] { results[static_cast<std::size_t>(i)] = attempt(i); });
    }
    for (std::thread& thread : threads) thread.join();
    return results;
  }

  // A stored grant as the broker would have read it: of generation 1.
  grants::Grant Created(const std::string& id);
  grants::Grant Created(grants::Grant grant);
  // The grant with another access token and the next generation.
  static grants::GrantCommit NextGeneration(const grants::Grant& grant);
  grants::Lease Leased(const std::string& grant_id, const std::string& holder,
                       absl::Duration lifetime = absl::Minutes(30));
  // What lies in the store.
  grants::Grant Stored(const std::string& id);

  RecordingObserver observer_;
  Runtime runtime_;
  std::unique_ptr<GrantStoreHarness> harness_;
};

template <typename T>
std::ptrdiff_t CountOk(const std::vector<T>& results) {
  return std::count_if(results.begin(), results.end(), [](const auto& r) { return r.ok(); });
}

template <typename T>
std::ptrdiff_t CountFailures(const std::vector<T>& results, Reason reason) {
  return std::count_if(results.begin(), results.end(),
                       [&](const auto& r) { return HasReason(StatusOf(r), reason); });
}

}  // namespace tokenbroker::testing
