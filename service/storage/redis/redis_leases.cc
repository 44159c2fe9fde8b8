#include "storage/redis/redis_leases.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "storage/redis/scripts.h"

namespace tokenbroker::storage {

using grants::Lease;

std::string LeaseValue(const Lease& lease) {
  return std::to_string(lease.fence).append(" ").append(lease.holder);
}

Task<Lease> RedisLeases::Acquire(std::string grant_id, std::string holder,
                                 absl::Duration lifetime) {
  std::vector<std::string> keys = {parts_.keys.Grant(grant_id), parts_.keys.Lease(grant_id)};
  std::vector<std::string> arguments = {holder, Milliseconds(lifetime)};
  CO_ASSIGN_OR_RETURN(
      const std::vector<std::string> words,
      co_await parts_.calls.Run(AffinityOf(ShardOf(grant_id)), scripts::kAcquireLease,
                                std::move(keys), std::move(arguments)));
  if (words[0] == "unknown") co_return Error(Reason::kGrantUnknown);
  std::int64_t number = 0;
  if (words.size() != 2 || !absl::SimpleAtoi(words[1], &number)) co_return UnexpectedReply();
  if (words[0] == "held") {
    co_return WithRetryAfter(Error(Reason::kLeaseHeld),
                             absl::Milliseconds(std::max<std::int64_t>(number, 1)));
  }
  Lease lease;
  lease.grant_id = std::move(grant_id);
  lease.holder = std::move(holder);
  lease.fence = static_cast<std::uint64_t>(number);
  co_return lease;
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
