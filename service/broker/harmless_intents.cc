#include "broker/harmless_intents.h"

#include <utility>

namespace tokenbroker::broker {

void HarmlessIntents::Remember(const std::string& grant_id, grants::RefreshIntent harmless,
                               std::optional<grants::RefreshIntent> before) {
  Known known{.harmless = std::move(harmless), .before = std::move(before)};
  const MutexLock lock(mutex_);
  const bool is_new = by_grant_.insert_or_assign(grant_id, std::move(known)).second;
  if (!is_new) return;
  order_.push_back(grant_id);
  if (order_.size() <= most_) return;
  by_grant_.erase(order_.front());
  order_.pop_front();
}

std::optional<grants::RefreshIntent> HarmlessIntents::Standing(const grants::Grant& grant) const {
  if (!grant.intent) return std::nullopt;
  const MutexLock lock(mutex_);
  const auto found = by_grant_.find(grant.id);
  if (found == by_grant_.end() || found->second.harmless != *grant.intent) return grant.intent;
  return found->second.before;
}

}  // namespace tokenbroker::broker
