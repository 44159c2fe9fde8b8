#include "broker/grant_uses.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

namespace tokenbroker::broker {
namespace {

asio::awaitable<void> Touch(grants::GrantStore& store, std::string grant_id, absl::Time when) {
  (void)co_await store.TouchGrant(std::move(grant_id), when);
}

}  // namespace

absl::Duration UseGranularity(const RefreshRules& rules) {
  return std::min(rules.idle_after / 8, absl::Minutes(10));
}

void GrantUses::Note(const CachedToken& token, absl::Time now) const {
  const std::int64_t at = absl::ToUnixNanos(now);
  std::int64_t after = token.note_use_after.load(std::memory_order_relaxed);
  if (at < after) return;
  const std::int64_t next = absl::ToUnixNanos(now + token.note_use_every);
  if (!token.note_use_after.compare_exchange_strong(after, next)) return;
  runtime_.Spawn(Touch(store_, token.grant_id, now));
}

}  // namespace tokenbroker::broker
