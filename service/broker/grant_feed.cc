// Follows one grant for those who watch a token of it.
#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "asio/any_io_executor.hpp"
#include "asio/this_coro.hpp"
#include "base/error.h"
#include "base/random.h"
#include "broker/grant_uses.h"
#include "broker/held_token.h"
#include "broker/pause.h"
#include "broker/token_feed.h"
#include "net/wake_up.h"

namespace tokenbroker::broker {
namespace {

using grants::Grant;
using grants::GrantState;

// Whoever refreshes by the schedule has this much time to be first.
constexpr absl::Duration kLongestCourtesy = absl::Seconds(30);

// The renewal that a feed has begun. On the feed's strand.
struct Renewal {
  bool under_way = false;
  std::optional<absl::Status> outcome;
};

asio::awaitable<void> RunRenewal(std::shared_ptr<Renewal> renewal, StatusTask task,
                                 std::shared_ptr<WakeUp> feed) {
  renewal->outcome = co_await std::move(task);
  renewal->under_way = false;
  feed->Wake();
}

class GrantFeed {
 public:
  GrantFeed(FeedContext& context, WatchedToken& watched, asio::any_io_executor strand,
            std::shared_ptr<WakeUp> wake_up)
      : context_(context),
        watched_(watched),
        strand_(std::move(strand)),
        wake_up_(std::move(wake_up)) {}

  // Takes in what was read of the grant at `epoch`. Returns how long to wait for news; nothing at
  // the end.
  std::optional<absl::Duration> Take(absl::StatusOr<Grant> grant, std::uint64_t epoch,
                                     TokenCache::Ticket ticket);

  // Whether the store should be told that the grant is in use, which is then for the caller to do.
  bool TakeTouch();

 private:
  std::optional<absl::Duration> End(absl::Status why) {
    watched_.End(std::move(why));
    return std::nullopt;
  }
  absl::Status GoneFor(absl::Status why) const;
  void TakeOutcome();
  void Renew(const grants::TokenSelector& selector, bool ahead_of_time);
  absl::Time RenewAt(const CachedToken& token);

  FeedContext& context_;
  WatchedToken& watched_;
  const asio::any_io_executor strand_;
  const std::shared_ptr<WakeUp> wake_up_;

  const std::shared_ptr<Renewal> renewal_ = std::make_shared<Renewal>();
  Backoff renewal_backoff_{absl::Seconds(1), absl::Minutes(1)};
  Backoff store_backoff_{absl::Milliseconds(100), absl::Seconds(5)};
  absl::Time not_before_ = absl::InfinitePast();      // the next attempt to renew
  absl::Duration touch_interval_ = absl::Minutes(1);  // until the client is known
  absl::Time touch_at_ = absl::InfinitePast();
  absl::Time ends_at_ = absl::InfiniteFuture();
  // Feeds of several replicas do not all begin at once: a share of what is left of the token.
  const double courtesy_ = 0.1 + 0.3 * RandomFraction();
};

// A grant that had an end and has reached it is no stranger.
absl::Status GrantFeed::GoneFor(absl::Status why) const {
  if (!HasReason(why, Reason::kGrantUnknown) || context_.clock.Now() < ends_at_) return why;
  return Error(Reason::kReauthorizationRequired,
               {{"because", "expired"}, {"grant_id", watched_.place()}});
}

bool GrantFeed::TakeTouch() {
  const absl::Time now = context_.clock.Now();
  if (touch_at_ > now) return false;
  touch_at_ = now + touch_interval_;
  return true;
}

void GrantFeed::TakeOutcome() {
  if (!renewal_->outcome) return;
  const absl::Status outcome = *std::exchange(renewal_->outcome, std::nullopt);
  absl::Duration pause = kLeastBetweenRenewals;
  if (outcome.ok()) {
    renewal_backoff_.Reset();
  } else {
    pause = std::max(renewal_backoff_.Next(), RetryAfterOf(outcome).value_or(absl::ZeroDuration()));
  }
  not_before_ = context_.clock.Now() + pause;
}

void GrantFeed::Renew(const grants::TokenSelector& selector, bool ahead_of_time) {
  RefreshNeed need{.selector = selector, .ahead_of_time = ahead_of_time};
  auto task =
      context_.Renew(watched_.place(), std::move(need), context_.clock.Now() + absl::Minutes(2));
  if (!task) return;
  renewal_->under_way = true;
  context_.runtime.SpawnOn(strand_, RunRenewal(renewal_, *std::move(task), wake_up_));
}

absl::Time GrantFeed::RenewAt(const CachedToken& token) {
  if (token.refresh_after == absl::InfiniteFuture()) return token.refresh_after;
  const absl::Duration courtesy =
      std::min((token.expires_at - token.refresh_after) * courtesy_, kLongestCourtesy);
  return std::max(token.refresh_after + courtesy, not_before_);
}

std::optional<absl::Duration> GrantFeed::Take(absl::StatusOr<Grant> grant, std::uint64_t epoch,
                                              TokenCache::Ticket ticket) {
  if (HasReason(grant.status(), Reason::kStoreUnavailable)) return store_backoff_.Next();
  if (!grant.ok()) return End(GoneFor(grant.status()));
  store_backoff_.Reset();
  if (grant->state != GrantState::kActive) return End(Ended(*grant));
  const ClientPtr client = context_.clients.FindAny(grant->client);
  if (client == nullptr) return End(Error(Reason::kClientUnknown));
  const auto selector = SelectToken(watched_.scopes(), watched_.audience(), *grant, *client);
  if (!selector.ok()) return End(selector.status());
  ends_at_ = grant->ends_at.value_or(absl::InfiniteFuture());
  // Another replica may have said it.
  touch_interval_ = UseGranularity(client->refresh);
  touch_at_ = std::max(touch_at_, grant->last_used_at + touch_interval_);
  TakeOutcome();

  const absl::Time now = context_.clock.Now();
  absl::Time next = std::min(now + kLongestFeedWait, std::min(ends_at_, touch_at_));
  const auto held = grant->access_tokens.find(*selector);
  const bool usable = held != grant->access_tokens.end() && held->second.expires_at > now;
  if (usable) {
    auto token = TakeSnapshot(*grant, *selector, *client);
    if (!token.ok()) return End(token.status());
    context_.cache.Insert(watched_.key(), *token, ticket);
    const absl::Time renew_at = RenewAt(**token);
    const absl::Time expires_at = (*token)->expires_at;
    watched_.Publish(*std::move(token), epoch);
    // Its end is looked at again, since it may have to be told.
    next = std::min(next, expires_at);
    if (renew_at > now) {
      next = std::min(next, renew_at);
    } else if (!renewal_->under_way) {
      Renew(*selector, true);
    }
  } else if (!grant->refresh_token) {
    return End(Ended(*grant));
  } else if (!renewal_->under_way) {
    if (not_before_ > now) {
      next = std::min(next, not_before_);
    } else {
      Renew(*selector, false);
    }
  }
  return std::max(next - now, absl::ZeroDuration());
}

}  // namespace

asio::awaitable<void> FeedFromGrant(std::shared_ptr<FeedContext> context,
                                    std::shared_ptr<WatchedToken> watched) {
  const asio::any_io_executor strand = co_await asio::this_coro::executor;
  const auto wake_up = std::make_shared<WakeUp>(strand);
  const auto listening = context->changes.Listen(watched->place(), [wake_up] { wake_up->Wake(); });
  watched->SetFeed(wake_up);
  GrantFeed feed(*context, *watched, strand, wake_up);
  while (!watched->abandoned()) {
    if (feed.TakeTouch()) {
      std::string used = watched->place();
      (void)co_await context->store.TouchGrant(std::move(used), context->clock.Now());
    }
    const std::uint64_t epoch = context->changes.interruptions();
    const TokenCache::Ticket ticket = context->cache.BeginLoad(watched->place());
    std::string grant_id = watched->place();
    auto grant = co_await context->store.FindGrant(std::move(grant_id));
    const auto wait = feed.Take(std::move(grant), epoch, ticket);
    if (!wait) break;
    co_await wake_up->Wait(*wait);
  }
}

}  // namespace tokenbroker::broker
