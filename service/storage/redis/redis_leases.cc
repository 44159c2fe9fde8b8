#include "storage/redis/redis_leases.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "storage/redis/redis_grants.h"
#include "storage/redis/scripts.h"

namespace tokenbroker::storage {

using grants::Lease;
using grants::LeasedGrant;

namespace {

absl::StatusOr<Lease> LeaseOf(std::string grant_id, std::string holder, const std::string& fence) {
  Lease lease{.grant_id = std::move(grant_id), .holder = std::move(holder)};
  if (!absl::SimpleAtoi(fence, &lease.fence)) return UnexpectedReply();
  return lease;
}

}  // namespace

std::string LeaseValue(const Lease& lease) {
  return std::to_string(lease.fence).append(" ").append(lease.holder);
}

Task<std::vector<std::string>> RedisLeases::Ask(const std::string& grant_id,
                                                const std::string& holder, absl::Duration lifetime,
                                                Reading reading) {
  const int shard = ShardOf(grant_id);
  std::vector<std::string> keys = {parts_.keys.Grant(grant_id), parts_.keys.Lease(grant_id),
                                   parts_.keys.Used(shard)};
  std::vector<std::string> arguments = {holder, Milliseconds(lifetime),
                                        reading == Reading::kGrant ? grant_id : ""};
  CO_ASSIGN_OR_RETURN(std::vector<std::string> words,
                      co_await parts_.calls.Run(AffinityOf(shard), scripts::kAcquireLease,
                                                std::move(keys), std::move(arguments)));
  if (words[0] == "unknown") co_return Error(Reason::kGrantUnknown);
  std::int64_t left = 0;
  if (words[0] == "held" && words.size() == 2 && absl::SimpleAtoi(words[1], &left)) {
    co_return WithRetryAfter(Error(Reason::kLeaseHeld),
                             absl::Milliseconds(std::max<std::int64_t>(left, 1)));
  }
  if (words[0] != "ok" || words.size() != (reading == Reading::kGrant ? 5u : 2u)) {
    co_return UnexpectedReply();
  }
  co_return words;
}

Task<Lease> RedisLeases::Acquire(std::string grant_id, std::string holder,
                                 absl::Duration lifetime) {
  CO_ASSIGN_OR_RETURN(const std::vector<std::string> words,
                      co_await Ask(grant_id, holder, lifetime, Reading::kNothing));
  co_return LeaseOf(std::move(grant_id), std::move(holder), words[1]);
}

Task<LeasedGrant> RedisLeases::AcquireAndRead(std::string grant_id, std::string holder,
                                              absl::Duration lifetime) {
  CO_ASSIGN_OR_RETURN(const std::vector<std::string> words,
                      co_await Ask(grant_id, holder, lifetime, Reading::kGrant));
  const StoredGrant stored{.generation = words[2], .record = words[3], .used_at = words[4]};
  CO_ASSIGN_OR_RETURN(grants::Grant grant, OpenGrant(grant_id, stored, parts_));
  CO_ASSIGN_OR_RETURN(Lease lease, LeaseOf(std::move(grant_id), std::move(holder), words[1]));
  LeasedGrant leased{.lease = std::move(lease), .grant = std::move(grant)};
  co_return leased;
}

StatusTask RedisLeases::Renew(Lease lease, absl::Duration lifetime) {
  std::vector<std::string> keys = {parts_.keys.Lease(lease.grant_id)};
  std::vector<std::string> arguments = {LeaseValue(lease), Milliseconds(lifetime)};
  CO_ASSIGN_OR_RETURN(
      const std::vector<std::string> words,
      co_await parts_.calls.Run(AffinityOf(ShardOf(lease.grant_id)), scripts::kRenewLease,
                                std::move(keys), std::move(arguments)));
  co_return words[0] == "ok" ? absl::OkStatus() : Error(Reason::kLeaseLost);
}

StatusTask RedisLeases::Release(Lease lease) {
  std::vector<std::string> keys = {parts_.keys.Lease(lease.grant_id)};
  std::vector<std::string> arguments = {LeaseValue(lease)};
  co_return (co_await parts_.calls.Run(AffinityOf(ShardOf(lease.grant_id)), scripts::kReleaseLease,
                                       std::move(keys), std::move(arguments)))
      .status();
}

}  // namespace tokenbroker::storage
