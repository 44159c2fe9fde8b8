#include "broker/token_feed.h"

#include <utility>

namespace tokenbroker::broker {

void FeedContext::Close() {
  const MutexLock lock(mutex_);
  refresh_ = nullptr;
  access_tokens_ = nullptr;
}

std::optional<StatusTask> FeedContext::Renew(const std::string& grant_id, RefreshNeed need,
                                             absl::Time deadline) {
  const MutexLock lock(mutex_);
  if (refresh_ == nullptr) return std::nullopt;
  return refresh_->Renew(grant_id, std::move(need), deadline);
}

std::optional<Task<TokenSnapshot>> FeedContext::RequestOwnToken(ClientPtr client,
                                                                const WatchedToken& watched,
                                                                absl::Time deadline) {
  const MutexLock lock(mutex_);
  if (access_tokens_ == nullptr) return std::nullopt;
  // They were looked at when the watch was opened.
  const auto scopes = oauth::Scopes::FromValues(watched.scopes());
  if (!scopes.ok()) return std::nullopt;
  return access_tokens_->RequestOwnToken(std::move(client), watched.audience(), *scopes, deadline);
}

}  // namespace tokenbroker::broker
