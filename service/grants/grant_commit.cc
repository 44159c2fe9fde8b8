#include "grants/grant_commit.h"

#include <string>

#include "base/error.h"
#include "grants/record.h"

namespace tokenbroker::grants {

absl::Status CheckCommit(const GrantCommit& commit) {
  const Grant& grant = commit.grant;
  const bool follows = grant.generation == commit.expected_generation ||
                       grant.generation == commit.expected_generation + 1;
  if (grant.state != GrantState::kActive || !follows ||
      (commit.lease && commit.lease->grant_id != grant.id)) {
    return Error(Reason::kInternal, {{"check", "commit"}});
  }
  return absl::OkStatus();
}

std::string NameOfChange(const GrantCommit& commit, const Secret& record, const KeyedHash& hash) {
  const std::string lease_holder = commit.lease ? commit.lease->holder : "";
  const std::string fence = commit.lease ? std::to_string(commit.lease->fence) : "";
  return hash.Of("change", {record.Reveal(), std::to_string(commit.expected_generation),
                            lease_holder, fence, commit.release_lease ? "release" : "keep"});
}

std::string NameOfCreation(const Grant& grant, const KeyedHash& hash) {
  return hash.Of("creation", {SerializeGrant(grant).Reveal()});
}

}  // namespace tokenbroker::grants
