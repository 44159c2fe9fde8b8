#include "storage/memory/memory_grants.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "grants/grant_commit.h"
#include "grants/grant_filter.h"
#include "grants/record.h"

namespace tokenbroker::storage {
namespace {

using grants::Grant;
using grants::GrantCommit;
using grants::GrantFilter;
using grants::GrantPage;
using grants::GrantState;
using grants::Lease;
using grants::LeasedGrant;

// Page tokens need not outlive what they page through.
grants::KeyRing OwnKeyRing() {
  std::vector<grants::SealingKey> keys;
  keys.push_back({"memory", Secret::Take(RandomBytes(grants::kSealingKeySize))});
  return *grants::KeyRing::Create(std::move(keys));
}

// The entry that a page ended with: its creation in nanoseconds, a space, its id.
std::string ToCursor(const GrantIndexEntry& entry) {
  return absl::StrCat(absl::ToUnixNanos(entry.created_at), " ", entry.grant_id);
}

absl::StatusOr<GrantIndexEntry> ParseCursor(const std::string& cursor) {
  const auto space = cursor.find(' ');
  std::int64_t nanoseconds = 0;
  if (space == std::string::npos || !absl::SimpleAtoi(cursor.substr(0, space), &nanoseconds)) {
    return Error(Reason::kPageTokenInvalid);
  }
  return GrantIndexEntry{absl::FromUnixNanos(nanoseconds), cursor.substr(space + 1)};
}

}  // namespace

MemoryGrants::MemoryGrants(const Clock& clock, std::size_t limit)
    : clock_(clock),
      limit_(limit),
      hash_(Secret::Take(RandomBytes(grants::kSealingKeySize))),
      page_tokens_(OwnKeyRing()) {}

absl::Status MemoryGrants::Create(Grant grant) {
  const std::string change = grants::NameOfCreation(grant, hash_);
  const MutexLock lock(mutex_);
  Sweep();
  const auto found = entries_.find(grant.id);
  if (found != entries_.end()) {
    return found->second.last_change == change ? absl::OkStatus()
                                               : Error(Reason::kGenerationConflict);
  }
  if (entries_.size() >= limit_) return Error(Reason::kLimitReached, {{"limit", "grants"}});
  grant.generation = 1;
  index_.Add(grant);
  const auto due_at = grant.next_refresh_at;
  const absl::Time gone_at = grant.ends_at.value_or(absl::InfiniteFuture());
  const std::string id = grant.id;
  Entry& entry = entries_[id];
  entry.grant = std::move(grant);
  entry.last_change = change;
  entry.gone_at = absl::InfiniteFuture();
  SetGone(entry, gone_at);
  SetDue(entry, due_at);
  return absl::OkStatus();
}

absl::StatusOr<Grant> MemoryGrants::Find(const std::string& grant_id) const {
  const MutexLock lock(mutex_);
  const auto found = entries_.find(grant_id);
  if (found == entries_.end() || found->second.gone_at <= clock_.Now()) {
    return Error(Reason::kGrantUnknown);
  }
  return found->second.grant.Copy();
}

absl::Status MemoryGrants::Commit(GrantCommit commit) {
  RETURN_IF_ERROR(grants::CheckCommit(commit));
  const std::string change =
      grants::NameOfChange(commit, grants::SerializeGrant(commit.grant), hash_);
  const MutexLock lock(mutex_);
  Entry* const entry = FindLive(commit.grant.id);
  if (entry == nullptr) return Error(Reason::kGrantUnknown);
  if (entry->last_change == change) return absl::OkStatus();
  if (entry->grant.state != GrantState::kActive ||
      entry->grant.generation != commit.expected_generation) {
    return Error(Reason::kGenerationConflict);
  }
  if (commit.lease && !Holds(*entry, *commit.lease)) return Error(Reason::kLeaseLost);

  index_.Remove(entry->grant);
  const absl::Time last_used_at = std::max(entry->grant.last_used_at, commit.grant.last_used_at);
  entry->grant = std::move(commit.grant);
  entry->grant.last_used_at = last_used_at;
  entry->last_change = change;
  index_.Add(entry->grant);
  if (entry->grant.generation != commit.expected_generation) {
    SetDue(*entry, entry->grant.next_refresh_at);
  }
  SetGone(*entry, entry->grant.ends_at.value_or(absl::InfiniteFuture()));
  if (commit.lease && commit.release_lease) entry->lease.reset();
  return absl::OkStatus();
}

absl::StatusOr<Grant> MemoryGrants::End(const std::string& grant_id, GrantState state,
                                        std::string because, absl::Duration tombstone_lifetime) {
  const MutexLock lock(mutex_);
  Entry* const entry = FindLive(grant_id);
  if (entry == nullptr) return Error(Reason::kGrantUnknown);
  if (entry->grant.state != GrantState::kActive) return entry->grant.Copy();
  Grant was = std::move(entry->grant);
  entry->grant = was.Tombstone(state, std::move(because));
  entry->last_change.clear();
  entry->lease.reset();
  SetDue(*entry, std::nullopt);
  SetGone(*entry, clock_.Now() + tombstone_lifetime);
  return was;
}

void MemoryGrants::Touch(const std::string& grant_id, absl::Time when) {
  const MutexLock lock(mutex_);
  Entry* const entry = FindLive(grant_id);
  if (entry == nullptr) return;
  entry->grant.last_used_at = std::max(entry->grant.last_used_at, when);
}

absl::StatusOr<GrantPage> MemoryGrants::List(const GrantFilter& filter, std::size_t page_size,
                                             const std::string& page_token) const {
  std::optional<GrantIndexEntry> after;
  if (!page_token.empty()) {
    ASSIGN_OR_RETURN(const std::string cursor,
                     grants::OpenPageToken(page_tokens_, filter, page_token));
    ASSIGN_OR_RETURN(after, ParseCursor(cursor));
  }
  GrantPage page;
  const absl::Time now = clock_.Now();
  const MutexLock lock(mutex_);
  const GrantIndex::Entries& candidates = index_.Candidates(filter);
  auto next = after ? candidates.upper_bound(*after) : candidates.begin();
  for (; next != candidates.end() && page.grants.size() < std::max<std::size_t>(page_size, 1);
       ++next) {
    const Entry& entry = entries_.at(next->grant_id);
    if (entry.gone_at > now && grants::Matches(filter, entry.grant)) {
      page.grants.push_back(entry.grant.Copy());
    }
  }
  if (next != candidates.end()) {
    page.next_page_token = grants::SealPageToken(page_tokens_, filter, ToCursor(*std::prev(next)));
  }
  return page;
}

absl::StatusOr<Lease> MemoryGrants::AcquireLease(const std::string& grant_id, std::string holder,
                                                 absl::Duration lifetime) {
  const MutexLock lock(mutex_);
  Entry* const entry = FindLive(grant_id);
  if (entry == nullptr) return Error(Reason::kGrantUnknown);
  return GiveLease(*entry, std::move(holder), lifetime);
}

absl::StatusOr<LeasedGrant> MemoryGrants::LeaseGrant(const std::string& grant_id,
                                                     std::string holder, absl::Duration lifetime) {
  const MutexLock lock(mutex_);
  Entry* const entry = FindLive(grant_id);
  if (entry == nullptr) return Error(Reason::kGrantUnknown);
  ASSIGN_OR_RETURN(Lease lease, GiveLease(*entry, std::move(holder), lifetime));
  return LeasedGrant{.lease = std::move(lease), .grant = entry->grant.Copy()};
}

absl::StatusOr<Lease> MemoryGrants::GiveLease(Entry& entry, std::string holder,
                                              absl::Duration lifetime) {
  const absl::Time now = clock_.Now();
  const bool held = entry.lease && entry.lease->ends_at > now;
  if (held && entry.lease->holder != holder) {
    return WithRetryAfter(Error(Reason::kLeaseHeld), entry.lease->ends_at - now);
  }
  if (!held) ++entry.fence;
  entry.lease = HeldLease{holder, now + lifetime};
  return Lease{.grant_id = entry.grant.id, .holder = std::move(holder), .fence = entry.fence};
}

absl::Status MemoryGrants::RenewLease(const Lease& lease, absl::Duration lifetime) {
  const MutexLock lock(mutex_);
  Entry* const entry = FindLive(lease.grant_id);
  if (entry == nullptr || !Holds(*entry, lease)) return Error(Reason::kLeaseLost);
  entry->lease->ends_at = clock_.Now() + lifetime;
  return absl::OkStatus();
}

void MemoryGrants::ReleaseLease(const Lease& lease) {
  const MutexLock lock(mutex_);
  Entry* const entry = FindLive(lease.grant_id);
  if (entry != nullptr && Holds(*entry, lease)) entry->lease.reset();
}

std::vector<std::string> MemoryGrants::ClaimDue(absl::Time now, std::size_t limit,
                                                absl::Duration visibility) {
  const MutexLock lock(mutex_);
  Sweep();
  std::vector<std::string> claimed;
  for (auto due = due_.begin(); due != due_.end() && due->first <= now && claimed.size() < limit;
       ++due) {
    claimed.push_back(due->second);
  }
  for (const std::string& id : claimed) SetDue(entries_.at(id), now + visibility);
  return claimed;
}

void MemoryGrants::PutBack(const std::string& grant_id, absl::Time hidden_until, absl::Time when) {
  const MutexLock lock(mutex_);
  Entry* const entry = FindLive(grant_id);
  if (entry != nullptr && entry->due_at == hidden_until) SetDue(*entry, when);
}

void MemoryGrants::Schedule(const std::string& grant_id, absl::Time when) {
  const MutexLock lock(mutex_);
  Entry* const entry = FindLive(grant_id);
  if (entry == nullptr || entry->due_at || entry->grant.state != GrantState::kActive) return;
  SetDue(*entry, when);
}

absl::Time MemoryGrants::NextDue() const {
  const MutexLock lock(mutex_);
  return due_.empty() ? absl::InfiniteFuture() : due_.begin()->first;
}

grants::ScheduleSummary MemoryGrants::SummarizeSchedule(absl::Time now) const {
  const MutexLock lock(mutex_);
  grants::ScheduleSummary summary{.scheduled = due_.size()};
  if (!due_.empty()) summary.first = due_.begin()->first;
  for (auto due = due_.begin(); due != due_.end() && due->first <= now; ++due) ++summary.overdue;
  return summary;
}

std::optional<int> MemoryGrants::ClaimSlice(absl::Time now, absl::Duration interval) {
  const MutexLock lock(mutex_);
  if (now - walked_at_ < interval) return std::nullopt;
  walked_at_ = now;
  return 0;
}

grants::LookedOver MemoryGrants::LookOver(const std::string& from, std::size_t limit) const {
  grants::LookedOver found;
  const MutexLock lock(mutex_);
  const GrantIndex::Entries& all = index_.Candidates({});
  auto next = all.begin();
  if (const auto after = ParseCursor(from); after.ok()) next = all.upper_bound(*after);
  for (; next != all.end() && found.grants < std::max<std::size_t>(limit, 1); ++next) {
    const Entry& entry = entries_.at(next->grant_id);
    ++found.grants;
    const bool active = entry.grant.state == GrantState::kActive && entry.gone_at > clock_.Now();
    if (active && !entry.due_at) found.unscheduled.push_back(next->grant_id);
  }
  if (next != all.end()) found.next = ToCursor(*std::prev(next));
  return found;
}

MemoryGrants::Entry* MemoryGrants::FindLive(const std::string& grant_id) {
  Sweep();
  const auto found = entries_.find(grant_id);
  return found == entries_.end() ? nullptr : &found->second;
}

bool MemoryGrants::Holds(const Entry& entry, const Lease& lease) const {
  return entry.lease && entry.lease->ends_at > clock_.Now() &&
         entry.lease->holder == lease.holder && entry.fence == lease.fence;
}

void MemoryGrants::SetDue(Entry& entry, std::optional<absl::Time> when) {
  if (entry.due_at) due_.erase({*entry.due_at, entry.grant.id});
  entry.due_at = when;
  if (when) due_.emplace(*when, entry.grant.id);
}

void MemoryGrants::SetGone(Entry& entry, absl::Time when) {
  gone_.erase({entry.gone_at, entry.grant.id});
  entry.gone_at = when;
  if (when != absl::InfiniteFuture()) gone_.emplace(when, entry.grant.id);
}

void MemoryGrants::Sweep() {
  const absl::Time now = clock_.Now();
  while (!gone_.empty() && gone_.begin()->first <= now) {
    const auto found = entries_.find(gone_.begin()->second);
    gone_.erase(gone_.begin());
    SetDue(found->second, std::nullopt);
    index_.Remove(found->second.grant);
    entries_.erase(found);
  }
}

}  // namespace tokenbroker::storage
