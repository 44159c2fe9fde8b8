// Which grants a filter could mean, newest first.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "grants/grant_store.h"

namespace tokenbroker::storage {

// Newest first, then by id.
struct GrantIndexEntry {
  absl::Time created_at;
  std::string grant_id;

  friend bool operator==(const GrantIndexEntry&, const GrantIndexEntry&) = default;
  friend bool operator<(const GrantIndexEntry& a, const GrantIndexEntry& b) {
    if (a.created_at != b.created_at) return a.created_at > b.created_at;
    return a.grant_id > b.grant_id;
  }
};

// Thread-compatible.
class GrantIndex {
 public:
  using Entries = std::set<GrantIndexEntry>;

  void Add(const grants::Grant& grant);
  void Remove(const grants::Grant& grant);
  // The shortest list that has every grant that `filter` matches, and others besides. Valid until
  // the next change.
  const Entries& Candidates(const grants::GrantFilter& filter) const;

 private:
  // What kind of value, then the value.
  using Key = std::pair<int, std::string>;
  static std::vector<Key> KeysOf(const grants::Grant& grant);

  std::map<Key, Entries> lists_;
  const Entries none_;
};

}  // namespace tokenbroker::storage
