#include "broker/watched_token.h"

#include <utility>

namespace tokenbroker::broker {

WatchedToken::WatchedToken(std::string place, std::string audience, std::vector<std::string> scopes)
    : place_(std::move(place)),
      audience_(std::move(audience)),
      scopes_(std::move(scopes)),
      key_(CacheKey(place_, audience_, scopes_)) {}

WatchedToken::Newest WatchedToken::newest() const {
  const MutexLock lock(mutex_);
  return newest_;
}

void WatchedToken::Join(std::shared_ptr<WakeUp> watcher) {
  const MutexLock lock(mutex_);
  watchers_.insert(std::move(watcher));
}

void WatchedToken::Leave(const std::shared_ptr<WakeUp>& watcher) {
  const MutexLock lock(mutex_);
  watchers_.erase(watcher);
}

void WatchedToken::SetFeed(std::shared_ptr<WakeUp> feed) {
  const MutexLock lock(mutex_);
  feed_ = std::move(feed);
}

void WatchedToken::Publish(TokenSnapshot token, std::uint64_t epoch) {
  const MutexLock lock(mutex_);
  const bool is_news = newest_.token == nullptr || !(newest_.token->value == token->value);
  newest_.token = std::move(token);
  newest_.epoch = epoch;
  if (is_news) WakeWatchers();
}

void WatchedToken::End(absl::Status why) {
  const MutexLock lock(mutex_);
  if (!newest_.end.ok()) return;
  newest_.end = std::move(why);
  newest_.token = nullptr;
  WakeWatchers();
}

void WatchedToken::Abandon() {
  const MutexLock lock(mutex_);
  abandoned_ = true;
  if (feed_) feed_->Wake();
}

bool WatchedToken::abandoned() const {
  const MutexLock lock(mutex_);
  return abandoned_;
}

void WatchedToken::WakeWatchers() const {
  for (const auto& watcher : watchers_) watcher->Wake();
}

}  // namespace tokenbroker::broker
