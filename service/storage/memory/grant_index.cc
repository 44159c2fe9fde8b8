#include "storage/memory/grant_index.h"

namespace tokenbroker::storage {
namespace {

enum Kind { kAll, kCaller, kClient, kSubject, kSession };

}  // namespace

std::vector<GrantIndex::Key> GrantIndex::KeysOf(const grants::Grant& grant) {
  std::vector<Key> keys = {{kAll, ""},
                           {kCaller, grant.caller},
                           {kClient, grant.client},
                           {kSubject, grant.id_token.subject}};
  if (grant.id_token.session_id) keys.emplace_back(kSession, *grant.id_token.session_id);
  return keys;
}

void GrantIndex::Add(const grants::Grant& grant) {
  for (const Key& key : KeysOf(grant)) lists_[key].insert({grant.created_at, grant.id});
}

void GrantIndex::Remove(const grants::Grant& grant) {
  for (const Key& key : KeysOf(grant)) {
    const auto list = lists_.find(key);
    if (list == lists_.end()) continue;
    list->second.erase({grant.created_at, grant.id});
    if (list->second.empty()) lists_.erase(list);
  }
}

const GrantIndex::Entries& GrantIndex::Candidates(const grants::GrantFilter& filter) const {
  std::vector<Key> keys = {{kAll, ""}};
  if (filter.caller) keys.emplace_back(kCaller, *filter.caller);
  if (filter.client) keys.emplace_back(kClient, *filter.client);
  if (filter.subject) keys.emplace_back(kSubject, *filter.subject);
  if (filter.session_id) keys.emplace_back(kSession, *filter.session_id);
  const Entries* shortest = nullptr;
  for (const Key& key : keys) {
    const auto list = lists_.find(key);
    if (list == lists_.end()) return none_;
    if (shortest == nullptr || list->second.size() < shortest->size()) shortest = &list->second;
  }
  return *shortest;
}

}  // namespace tokenbroker::storage
