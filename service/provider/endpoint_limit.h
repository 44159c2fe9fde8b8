// How often one endpoint may be asked: the configured rate, shared by all replicas; what the
// provider advertises; and the cool-down after it said "too many requests".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/task.h"
#include "limits/limit_store.h"
#include "limits/token_bucket.h"
#include "net/runtime.h"
#include "provider/permit.h"
#include "provider/provider_state.h"
#include "provider/rate_limit_headers.h"
#include "provider/waiting_line.h"

namespace tokenbroker::provider {

struct RateOptions {
  // Of all replicas together, at each endpoint. None: no rate of our own.
  std::optional<limits::Rate> rate = std::nullopt;
  // The part of it that this replica keeps to while the store is away. Default: a quarter.
  double share_without_store = 0.25;
  // Whether to keep to what the provider's headers say is left.
  bool follow_headers = true;
};

// Thread-safe. Work in flight keeps the object alive.
//
// The store is asked at most once in kKnownFor, and for so many tokens that they last as long: a
// provider that is asked a thousand times a second costs ten round trips to the store. What one
// replica learns of a cool-down is therefore known to all within kKnownFor.
class EndpointLimit : public std::enable_shared_from_this<EndpointLimit> {
 public:
  static constexpr absl::Duration kKnownFor = absl::Milliseconds(100);
  // How long tokens that were taken may lie here.
  static constexpr absl::Duration kTokensGoodFor = absl::Seconds(1);

  // `name` is that of the limit in the store. `store` may be null: the limits are this replica's
  // alone. Borrows all but `name` and `options`.
  static std::shared_ptr<EndpointLimit> Create(Runtime& runtime, const Clock& clock,
                                               limits::LimitStore* store, std::string name,
                                               RateOptions options, int max_queued);

  // Waits until one request may leave, as far as limits go.
  // Errors, both with RetryInfo: PROVIDER_RATE_LIMITED in a cool-down, where what the provider says
  // is left is kept for more urgent requests, and at once where the turn would come after
  // `deadline`, as after waiting in vain; LIMIT_REACHED where too many wait.
  StatusTask Take(Urgency urgency, absl::Time deadline);

  // Nothing, or why no request may leave right now; for those who already had their turn.
  absl::Status Check() const ABSL_LOCKS_EXCLUDED(mutex_);

  // An answer that said "too many requests".
  struct Limited {
    std::optional<absl::Duration> wait;  // by its Retry-After
  };
  void Answered(const std::vector<std::pair<std::string, std::string>>& headers,
                const std::optional<Limited>& limited) ABSL_LOCKS_EXCLUDED(mutex_);

  // Fills in what there is to say of limits.
  void Describe(EndpointState& state) const ABSL_LOCKS_EXCLUDED(mutex_);
  bool store_takes_part() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  EndpointLimit(Runtime& runtime, const Clock& clock, limits::LimitStore* store, std::string name,
                RateOptions options, int max_queued);

  enum class Turn { kNow, kWait };
  static StatusTask TakeFrom(std::shared_ptr<EndpointLimit> self, Urgency urgency,
                             absl::Time deadline);
  // Fetches shares while somebody waits. One at a time.
  static asio::awaitable<void> Refill(std::shared_ptr<EndpointLimit> self);
  static asio::awaitable<void> TellStore(std::shared_ptr<EndpointLimit> self,
                                         absl::Duration cool_down);

  // A turn at once, a place in the line for `waiter`, or a refusal.
  absl::StatusOr<Turn> TakeOrJoin(const WaitingLine::Place& waiter, const Urgency& urgency,
                                  absl::Time deadline) ABSL_LOCKS_EXCLUDED(mutex_);
  void Leave(const WaitingLine::Place& waiter) ABSL_LOCKS_EXCLUDED(mutex_);
  // How many tokens to ask for; nothing where nobody waits any more, which ends the refill.
  std::optional<int> Wanted() ABSL_LOCKS_EXCLUDED(mutex_);
  Task<limits::Share> FetchShare(int wanted);
  limits::Share ShareOfOurOwn(int wanted) ABSL_LOCKS_EXCLUDED(mutex_);
  void NoteStore(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  bool StoreIsAway() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Hands the share out. How long to wait before asking again.
  absl::Duration Distribute(const limits::Share& share) ABSL_LOCKS_EXCLUDED(mutex_);

  absl::Status CheckLocked(Priority priority, absl::Time now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Duration CoolDownLeft(absl::Time now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether it lasts longer than what is under way.
  bool BeginCoolDown(absl::Duration duration, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Spend() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Refusal(absl::Duration wait, std::string_view limit) const;

  // Constant after construction.
  Runtime& runtime_;
  const Clock& clock_;
  limits::LimitStore* const store_;
  const std::string name_;
  const RateOptions options_;
  const int slice_;

  mutable Mutex mutex_;
  WaitingLine line_ ABSL_GUARDED_BY(mutex_);
  bool refilling_ ABSL_GUARDED_BY(mutex_) = false;
  int tokens_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time tokens_good_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Time known_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Time cool_down_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int limited_in_a_row_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<AdvertisedLimit> advertised_ ABSL_GUARDED_BY(mutex_);
  absl::Time store_away_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  std::optional<limits::TokenBucket> own_share_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker::provider
