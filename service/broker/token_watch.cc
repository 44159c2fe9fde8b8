#include "broker/token_watch.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "asio/cancellation_type.hpp"
#include "asio/this_coro.hpp"
#include "base/error.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "broker/held_token.h"
#include "broker/watched_token.h"
#include "net/wake_up.h"

namespace tokenbroker::broker {

// What is watched now, each with its feed.
class TokenWatches::Watched {
 public:
  explicit Watched(std::shared_ptr<FeedContext> context) : context_(std::move(context)) {}

  // Finds or begins what is watched as `fresh` says, and counts one more who watches.
  std::shared_ptr<WatchedToken> Enter(std::shared_ptr<WatchedToken> fresh,
                                      std::optional<std::string> own_token_of)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    Entry& entry = entries_[fresh->key()];
    // One that has ended stays as it is for those who have not heard yet.
    if (entry.watched == nullptr || !entry.watched->newest().end.ok()) {
      entry = {.watched = fresh};
      if (own_token_of) {
        context_->runtime.Spawn(FeedFromCredentials(context_, fresh, *std::move(own_token_of)));
      } else {
        context_->runtime.Spawn(FeedFromGrant(context_, fresh));
      }
    }
    ++entry.watchers;
    return entry.watched;
  }

  void Leave(const std::shared_ptr<WatchedToken>& watched) ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    const auto found = entries_.find(watched->key());
    // Where another has taken its place its feed has ended already.
    if (found == entries_.end() || found->second.watched != watched) return;
    if (--found->second.watchers > 0) return;
    entries_.erase(found);
    watched->Abandon();
  }

  void Close() ABSL_LOCKS_EXCLUDED(mutex_) {
    context_->Close();
    const MutexLock lock(mutex_);
    for (auto& [key, entry] : entries_) entry.watched->Abandon();
  }

 private:
  struct Entry {
    std::shared_ptr<WatchedToken> watched;
    int watchers = 0;
  };

  const std::shared_ptr<FeedContext> context_;
  Mutex mutex_;
  absl::flat_hash_map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
};

// A place among those who watch one token, until it goes.
class TokenWatches::Seat {
 public:
  Seat(std::shared_ptr<Watched> all, std::shared_ptr<WatchedToken> watched,
       std::shared_ptr<WakeUp> wake_up)
      : all_(std::move(all)), watched_(std::move(watched)), wake_up_(std::move(wake_up)) {
    watched_->Join(wake_up_);
  }
  ~Seat() {
    watched_->Leave(wake_up_);
    all_->Leave(watched_);
  }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

  WatchedToken::Newest newest() const { return watched_->newest(); }
  asio::awaitable<void> Wait() { return wake_up_->Wait(); }

 private:
  const std::shared_ptr<Watched> all_;
  const std::shared_ptr<WatchedToken> watched_;
  const std::shared_ptr<WakeUp> wake_up_;
};

class TokenWatches::SeatedWatch final : public TokenWatch {
 public:
  SeatedWatch(TokenSnapshot first, std::shared_ptr<Watched> all,
              std::shared_ptr<WatchedToken> watched, std::shared_ptr<WakeUp> wake_up)
      : first_(std::move(first)),
        epoch_(watched->newest().epoch),
        seat_(std::move(all), std::move(watched), std::move(wake_up)) {}

  Task<TokenSnapshot> Next(Admission admission) override {
    if (TokenSnapshot first = std::exchange(first_, nullptr)) {
      Note(*first, epoch_);
      co_return co_await Release(std::move(first), std::move(admission));
    }
    while (true) {
      const auto state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none) co_return Error(Reason::kCancelled);
      WatchedToken::Newest newest = seat_.newest();
      if (!newest.end.ok()) co_return newest.end;
      if (newest.token != nullptr && IsNews(newest)) {
        Note(*newest.token, newest.epoch);
        co_return co_await Release(std::move(newest.token), std::move(admission));
      }
      newest.token = nullptr;  // nobody keeps it waiting
      co_await seat_.Wait();
    }
  }

 private:
  // Who asks may do less than when the watch was opened.
  static Task<TokenSnapshot> Release(TokenSnapshot token, Admission admission) {
    CO_ASSIGN_OR_RETURN(const Asker* const asker, co_await admission());
    const bool is_seen = token->grant_id.empty() ? asker->MayUseClient(token->client)
                                                 : asker->MaySee(token->owner, token->client);
    if (!is_seen) co_return Error(Reason::kGrantUnknown);
    CO_RETURN_IF_ERROR(CheckRelease(*asker, *token));
    co_return token;
  }

  // The feed may have read the grant before the last token was.
  bool IsNews(const WatchedToken::Newest& newest) const {
    if (newest.epoch == epoch_ && newest.token->generation < generation_) return false;
    return Sha256(newest.token->value.Reveal()) != digest_;
  }

  // Of the last token only so much is kept: it is nobody's any more when the next one is there.
  void Note(const CachedToken& token, std::uint64_t epoch) {
    epoch_ = epoch;
    generation_ = token.generation;
    digest_ = Sha256(token.value.Reveal());
  }

  TokenSnapshot first_;
  std::uint64_t epoch_;
  std::uint64_t generation_ = 0;
  std::string digest_;
  Seat seat_;
};

TokenWatches::TokenWatches(const Clients& clients, grants::GrantStore& store, const Clock& clock,
                           TokenCache& cache, GrantChanges& changes, Runtime& runtime,
                           Refresh& refresh, AccessTokens& access_tokens)
    : access_tokens_(access_tokens),
      watched_(std::make_shared<Watched>(std::make_shared<FeedContext>(
          clients, store, clock, cache, changes, runtime, refresh, access_tokens))) {}

TokenWatches::~TokenWatches() { watched_->Close(); }

Task<std::unique_ptr<TokenWatch>> TokenWatches::Open(const Asker& asker, AccessTokenQuery query,
                                                     absl::Time deadline) {
  std::string audience = query.audience;
  std::vector<std::string> scopes = query.scopes;
  TokenSnapshot token = access_tokens_.Find(asker, query);
  if (token == nullptr) {
    auto got = co_await access_tokens_.Get(asker, std::move(query), deadline);
    if (!got.ok()) co_return got.status();
    token = *std::move(got);
  }
  const bool of_grant = !token->grant_id.empty();
  std::optional<std::string> own_token_of;
  if (!of_grant) own_token_of = token->client;
  auto fresh =
      std::make_shared<WatchedToken>(of_grant ? token->grant_id : CredentialsPlace(token->client),
                                     std::move(audience), std::move(scopes));
  auto watched = watched_->Enter(std::move(fresh), std::move(own_token_of));
  auto wake_up = std::make_shared<WakeUp>(co_await asio::this_coro::executor);
  std::unique_ptr<TokenWatch> watch = std::make_unique<SeatedWatch>(
      std::move(token), watched_, std::move(watched), std::move(wake_up));
  co_return watch;
}

}  // namespace tokenbroker::broker
