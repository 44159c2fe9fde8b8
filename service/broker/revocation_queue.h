// Revocations at providers (RFC 7009) that are to happen whatever happens to provider and replica:
// they lie in the store until the provider has confirmed them, and any replica sees to them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "asio/awaitable.hpp"
#include "base/clock.h"
#include "base/task.h"
#include "broker/client.h"
#include "grants/grant_store.h"
#include "net/runtime.h"

namespace tokenbroker::broker {

// How long a revocation is tried for.
inline constexpr absl::Duration kMaxRevocationAge = absl::Hours(24 * 7);

// What came of revocations since start.
struct RevocationCounts {
  std::uint64_t confirmed = 0;
  std::uint64_t postponed = 0;  // to be tried again
  std::uint64_t abandoned = 0;  // too old, or not to be had at the provider
};

// Thread-safe. Borrows everything given to it; what it has begun may outlast it, but not those. A
// copy is the same queue.
class RevocationQueue {
 public:
  RevocationQueue(const Clients& clients, grants::GrantStore& store, const Clock& clock,
                  Runtime& runtime);

  // A revocation of `tokens`, refresh token first, that has not been put anywhere yet.
  grants::PendingRevocation New(const Client& client,
                                std::vector<grants::RevocableToken> tokens) const;

  // Keeps it in the store, where it is left alone for a moment: whoever keeps it tries it.
  // Errors: STORE_UNAVAILABLE.
  StatusTask Keep(grants::PendingRevocation revocation) const;

  // Tries one that is kept: drops it when the provider has confirmed it or never will; otherwise it
  // is due again later, with back-off and jitter, not before the provider wants to be asked again.
  // Returns what came of the try. Errors: those of RevokeAtProvider.
  StatusTask Try(grants::PendingRevocation revocation, absl::Time deadline) const;

  // Keeps and tries without anybody waiting. While the store is away it is tried from here alone.
  void Submit(const Client& client, std::vector<grants::RevocableToken> tokens) const;

  // Tries what is due, some at a time. Returns how many. Errors: STORE_UNAVAILABLE.
  Task<int> WorkOff() const;

  RevocationCounts counts() const;
  // What waited in the store, whichever replica kept it, when Run last looked.
  grants::RevocationSummary waiting() const;

  // Works off what is due again and again, without end. The queue may be destroyed meanwhile.
  asio::awaitable<void> Run() const;

 private:
  struct Core;
  const std::shared_ptr<const Core> core_;
};

}  // namespace tokenbroker::broker
