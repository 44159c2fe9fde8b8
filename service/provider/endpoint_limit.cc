#include "provider/endpoint_limit.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "asio/error_code.hpp"
#include "asio/redirect_error.hpp"
#include "asio/steady_timer.hpp"
#include "asio/this_coro.hpp"
#include "asio/use_awaitable.hpp"
#include "base/error.h"
#include "base/random.h"

namespace tokenbroker::provider {
namespace {

// A provider that does not say for how long: this, doubled with each such answer in a row.
constexpr absl::Duration kFirstCoolDown = absl::Seconds(1);
constexpr absl::Duration kLongestUntold = absl::Seconds(30);
// The longest that anything holds an endpoint up, as in oauth::ParseRetryAfter.
constexpr absl::Duration kLongestCoolDown = absl::Hours(1);
// After a cool-down the replicas come back one by one, each at a time of its own within this.
constexpr absl::Duration kLongestSpread = absl::Seconds(5);
// A store that failed is not asked again at once.
constexpr absl::Duration kStoreRest = absl::Seconds(1);
constexpr absl::Duration kShortestPause = absl::Milliseconds(5);

// The part of an advertised limit that is kept for more urgent requests.
constexpr std::array<double, kPriorities> kReserve = {0, 0.1, 0.2};

absl::Duration Spread(absl::Duration cool_down) {
  return std::min(cool_down, kLongestSpread) * RandomFraction();
}

int SliceOf(const RateOptions& options) {
  if (!options.rate) return 0;
  const double lasting = options.rate->per_second * absl::ToDoubleSeconds(EndpointLimit::kKnownFor);
  const int most = std::max(1, options.rate->burst / 4);
  return std::clamp(static_cast<int>(std::ceil(std::min(lasting, 1e6))), 1, most);
}

asio::awaitable<void> Pause(absl::Duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(absl::ToChronoNanoseconds(duration));
  asio::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace

std::shared_ptr<EndpointLimit> EndpointLimit::Create(Runtime& runtime, const Clock& clock,
                                                     limits::LimitStore* store, std::string name,
                                                     RateOptions options, int max_queued) {
  return std::shared_ptr<EndpointLimit>(
      new EndpointLimit(runtime, clock, store, std::move(name), options, max_queued));
}

EndpointLimit::EndpointLimit(Runtime& runtime, const Clock& clock, limits::LimitStore* store,
                             std::string name, RateOptions options, int max_queued)
    : runtime_(runtime),
      clock_(clock),
      store_(store),
      name_(std::move(name)),
      options_(options),
      slice_(SliceOf(options)),
      line_(static_cast<std::size_t>(max_queued)) {
  if (!options_.rate) return;
  // Without a store there is nobody to share with.
  const double part = store_ == nullptr ? 1 : options_.share_without_store;
  const int burst = std::max(1, static_cast<int>(options_.rate->burst * part));
  own_share_.emplace(burst, absl::Seconds(1) / (options_.rate->per_second * part));
}

StatusTask EndpointLimit::Take(Urgency urgency, absl::Time deadline) {
  return TakeFrom(shared_from_this(), std::move(urgency), deadline);
}

StatusTask EndpointLimit::TakeFrom(std::shared_ptr<EndpointLimit> self, Urgency urgency,
                                   absl::Time deadline) {
  auto waiter = std::make_shared<Waiter<bool>>();
  const absl::StatusOr<Turn> turn = self->TakeOrJoin(waiter, urgency, deadline);
  if (!turn.ok()) co_return turn.status();
  if (*turn == Turn::kNow) co_return absl::OkStatus();
  const absl::StatusOr<bool> let_through =
      co_await AwaitSettled(waiter, deadline - self->clock_.Now());
  if (let_through.ok()) co_return absl::OkStatus();
  self->Leave(waiter);
  if (HasReason(let_through.status(), Reason::kDeadlineExceeded)) {
    co_return self->Refusal(absl::Seconds(1), "rate");
  }
  co_return let_through.status();
}

absl::StatusOr<EndpointLimit::Turn> EndpointLimit::TakeOrJoin(const WaitingLine::Place& waiter,
                                                              const Urgency& urgency,
                                                              absl::Time deadline) {
  const absl::Time now = clock_.Now();
  WaitingLine::Place refused;
  bool start = false;
  {
    const MutexLock lock(mutex_);
    const Priority priority = urgency.now();
    absl::Status status = CheckLocked(priority, now);
    if (!status.ok()) return status;
    const bool knows = store_ == nullptr || now < known_until_;
    const bool has_token = !options_.rate || (tokens_ > 0 && now < tokens_good_until_);
    if (knows && has_token && line_.size() == 0) {
      Spend();
      return Turn::kNow;
    }
    if (options_.rate) {
      const int before = line_.Ahead(priority) - tokens_;
      const absl::Duration turn = absl::Seconds(before / options_.rate->per_second);
      if (now + turn >= deadline) return Refusal(turn, "rate");
    }
    refused = line_.Join(waiter, urgency);
    start = !std::exchange(refilling_, true);
  }
  if (refused) {
    refused->Settle(WithRetryAfter(Error(Reason::kLimitReached, {{"limit", "provider_requests"}}),
                                   absl::Seconds(1)));
  }
  if (start) runtime_.Spawn(Refill(shared_from_this()));
  return Turn::kWait;
}

asio::awaitable<void> EndpointLimit::Refill(std::shared_ptr<EndpointLimit> self) {
  while (const std::optional<int> wanted = self->Wanted()) {
    const absl::StatusOr<limits::Share> share = co_await self->FetchShare(*wanted);
    const absl::Duration pause = self->Distribute(*share);
    if (pause > absl::ZeroDuration()) co_await Pause(pause);
  }
}

std::optional<int> EndpointLimit::Wanted() {
  const absl::Time now = clock_.Now();
  const MutexLock lock(mutex_);
  if (line_.size() == 0) {
    refilling_ = false;
    return std::nullopt;
  }
  if (!options_.rate) return 0;
  if (now >= tokens_good_until_) tokens_ = 0;
  const int waiting = static_cast<int>(line_.size());
  return std::max(0, std::max(slice_, std::min(waiting, options_.rate->burst)) - tokens_);
}

// Never fails: what the store does not say, this replica makes up.
Task<limits::Share> EndpointLimit::FetchShare(int wanted) {
  if (store_ == nullptr || StoreIsAway()) co_return ShareOfOurOwn(wanted);
  std::string name = name_;
  absl::StatusOr<limits::Share> share =
      co_await store_->TakeShare(std::move(name), options_.rate, wanted);
  NoteStore(share.status());
  if (!share.ok()) co_return ShareOfOurOwn(wanted);
  co_return share;
}

limits::Share EndpointLimit::ShareOfOurOwn(int wanted) {
  const absl::Time now = clock_.Now();
  const MutexLock lock(mutex_);
  limits::Share share{.tokens = wanted};
  if (!own_share_) return share;
  share.tokens = own_share_->TakeUpTo(wanted, now);
  if (share.tokens == 0) share.next_token = own_share_->UntilNext(now);
  return share;
}

void EndpointLimit::NoteStore(const absl::Status& status) {
  const absl::Time now = clock_.Now();
  const MutexLock lock(mutex_);
  store_away_until_ = status.ok() ? absl::InfinitePast() : now + kStoreRest;
}

bool EndpointLimit::StoreIsAway() const {
  const absl::Time now = clock_.Now();
  const MutexLock lock(mutex_);
  return now < store_away_until_ && store_away_until_ - now <= kStoreRest;
}

absl::Duration EndpointLimit::Distribute(const limits::Share& share) {
  const absl::Time now = clock_.Now();
  std::vector<WaitingLine::Place> let_through;
  std::vector<std::pair<WaitingLine::Place, absl::Status>> refused;
  absl::Duration pause = absl::ZeroDuration();
  {
    const MutexLock lock(mutex_);
    known_until_ = now + kKnownFor;
    if (share.cool_down > absl::ZeroDuration()) BeginCoolDown(share.cool_down, now);
    if (share.tokens > 0) tokens_good_until_ = now + kTokensGoodFor;
    tokens_ += share.tokens;
    const absl::Status held_up = CheckLocked(Priority::kCaller, now);
    while (line_.size() > 0) {
      if (held_up.ok() && options_.rate && tokens_ == 0) break;
      WaitingLine::Place next = line_.Next();
      if (held_up.ok()) {
        Spend();
        let_through.push_back(std::move(next));
      } else {
        refused.emplace_back(std::move(next), held_up);
      }
    }
    if (line_.size() > 0) {
      pause = std::clamp(share.next_token, kShortestPause, absl::Duration(absl::Seconds(1)));
    }
  }
  for (auto& [place, status] : refused) place->Settle(std::move(status));
  int unused = 0;
  for (const auto& place : let_through) unused += place->Settle(true) ? 0 : 1;
  if (unused > 0 && options_.rate) {
    const MutexLock lock(mutex_);
    tokens_ += unused;
  }
  return pause;
}

void EndpointLimit::Leave(const WaitingLine::Place& waiter) {
  const MutexLock lock(mutex_);
  line_.Leave(waiter);
}

absl::Status EndpointLimit::Check() const {
  const absl::Time now = clock_.Now();
  const MutexLock lock(mutex_);
  return CheckLocked(Priority::kCaller, now);
}

absl::Status EndpointLimit::CheckLocked(Priority priority, absl::Time now) const {
  if (const absl::Duration left = CoolDownLeft(now); left > absl::ZeroDuration()) {
    return Refusal(left + Spread(left), "provider");
  }
  if (!advertised_ || advertised_->reset <= now) return absl::OkStatus();
  const double reserve = kReserve.at(static_cast<std::size_t>(priority)) *
                         static_cast<double>(advertised_->limit.value_or(0));
  if (static_cast<double>(advertised_->remaining) > reserve) return absl::OkStatus();
  const absl::Duration left = advertised_->reset - now;
  return Refusal(left + Spread(left), "provider");
}

absl::Status EndpointLimit::Refusal(absl::Duration wait, std::string_view limit) const {
  return WithRetryAfter(Error(Reason::kProviderRateLimited, {{"limit", std::string(limit)}}),
                        std::max(wait, absl::Duration(absl::Milliseconds(100))));
}

absl::Duration EndpointLimit::CoolDownLeft(absl::Time now) const {
  const absl::Duration left = cool_down_until_ - now;
  // More is left only where the wall clock was set back.
  return left <= kLongestCoolDown + kLongestSpread ? left : absl::ZeroDuration();
}

bool EndpointLimit::BeginCoolDown(absl::Duration duration, absl::Time now) {
  duration = std::min(duration, kLongestCoolDown);
  // Heard of again, of the store: the end that this replica has drawn for itself stays.
  if (CoolDownLeft(now) >= duration) return false;
  cool_down_until_ = now + duration + Spread(duration);
  return true;
}

void EndpointLimit::Spend() {
  if (options_.rate) --tokens_;
  if (advertised_) --advertised_->remaining;
}

void EndpointLimit::Answered(const std::vector<std::pair<std::string, std::string>>& headers,
                             const std::optional<Limited>& limited) {
  const absl::Time now = clock_.Now();
  const auto advertised =
      options_.follow_headers ? ReadAdvertisedLimit(headers, now) : std::nullopt;
  std::optional<absl::Duration> cool_down;
  {
    const MutexLock lock(mutex_);
    if (advertised) advertised_ = advertised;
    if (!limited) {
      limited_in_a_row_ = 0;
    } else {
      constexpr int kDoublings = 5;
      const int doublings = std::min(limited_in_a_row_++, kDoublings);
      cool_down = std::min(kFirstCoolDown * (1 << doublings), kLongestUntold);
      if (advertised && advertised->remaining == 0) cool_down = advertised->reset - now;
      if (limited->wait) cool_down = *limited->wait;
    }
    // Known beforehand, the others need not find out by an answer of their own.
    const bool is_used_up = advertised && advertised->remaining == 0;
    if (!cool_down && is_used_up) cool_down = advertised->reset - now;
    if (cool_down && !BeginCoolDown(*cool_down, now)) cool_down.reset();
  }
  if (cool_down && store_ != nullptr) runtime_.Spawn(TellStore(shared_from_this(), *cool_down));
}

asio::awaitable<void> EndpointLimit::TellStore(std::shared_ptr<EndpointLimit> self,
                                               absl::Duration cool_down) {
  std::string name = self->name_;
  // A replica that does not hear of it finds out by an answer of its own.
  const absl::Status told = co_await self->store_->CoolDown(std::move(name), cool_down);
  self->NoteStore(told);
}

void EndpointLimit::Describe(EndpointState& state) const {
  const absl::Time now = clock_.Now();
  const MutexLock lock(mutex_);
  if (CoolDownLeft(now) > absl::ZeroDuration()) state.cool_down_until = cool_down_until_;
  if (options_.rate) state.configured_rate = options_.rate->per_second;
  state.tokens_in_hand = now < tokens_good_until_ ? tokens_ : 0;
  state.waiting_for_rate = static_cast<int>(line_.size());
  if (!advertised_ || advertised_->reset <= now) return;
  state.advertised_limit = advertised_->limit;
  state.advertised_remaining = advertised_->remaining;
  state.advertised_reset = advertised_->reset;
}

bool EndpointLimit::store_takes_part() const { return !StoreIsAway(); }

}  // namespace tokenbroker::provider
