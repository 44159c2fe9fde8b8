#include "broker/revocation_queue.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "base/error.h"
#include "base/mutex.h"
#include "base/random.h"
#include "broker/pause.h"
#include "broker/revocation.h"

namespace tokenbroker::broker {
namespace {

using grants::PendingRevocation;

constexpr std::size_t kAtATime = 16;
// How long who claimed or kept one has to try it.
constexpr absl::Duration kHidden = absl::Minutes(2);
constexpr absl::Duration kFirstWait = absl::Seconds(5);
constexpr absl::Duration kLongestPause = absl::Hours(1);
constexpr absl::Duration kLookEvery = absl::Seconds(5);

// When to try again after so many failures: doubling, with full jitter over the upper half.
absl::Duration WaitAfter(int attempts, const absl::Status& failure) {
  const int doublings = std::min(attempts - 1, 10);
  const absl::Duration step = std::min(kFirstWait * (1 << doublings), kLongestPause);
  const absl::Duration wait = step / 2 + step / 2 * RandomFraction();
  return std::max(wait, RetryAfterOf(failure).value_or(absl::ZeroDuration()));
}

// What stays as it is however often it is tried. Everything else may be put right: a provider that
// is down, a client whose secret was rotated, metadata that somebody broke.
bool IsFinal(const absl::Status& status) {
  return status.ok() || HasReason(status, Reason::kOperationNotSupported);
}

}  // namespace

struct RevocationQueue::Core {
  const Clients& clients;
  grants::GrantStore& store;
  const Clock& clock;
  Runtime& runtime;
  struct Counts {
    std::atomic<std::uint64_t> confirmed = 0;
    std::atomic<std::uint64_t> postponed = 0;
    std::atomic<std::uint64_t> abandoned = 0;
    Mutex mutex;
    grants::RevocationSummary waiting ABSL_GUARDED_BY(mutex);
  };
  std::unique_ptr<Counts> counts = std::make_unique<Counts>();

  static StatusTask Put(std::shared_ptr<const Core> core, PendingRevocation revocation,
                        absl::Duration wait) {
    const absl::Time now = core->clock.Now();
    const absl::Duration left = revocation.queued_at + kMaxRevocationAge - now;
    co_return co_await core->store.PutRevocation(std::move(revocation), now + wait, left);
  }

  static StatusTask Try(std::shared_ptr<const Core> core, PendingRevocation revocation,
                        absl::Time deadline) {
    const ClientPtr client = core->clients.FindAny(revocation.client);
    absl::Status revoked = Error(Reason::kClientUnknown);  // another replica may know it
    if (client != nullptr) {
      PendingRevocation copy = revocation.Copy();
      revoked = co_await RevokeAtProvider(*client, std::move(copy.tokens), deadline);
    }
    const bool too_old = core->clock.Now() - revocation.queued_at >= kMaxRevocationAge;
    if (IsFinal(revoked) || too_old) {
      ++(revoked.ok() ? core->counts->confirmed : core->counts->abandoned);
      (void)co_await core->store.DropRevocation(std::move(revocation.id));
      co_return revoked;
    }
    ++core->counts->postponed;
    const absl::Duration wait = WaitAfter(++revocation.attempts, revoked);
    (void)co_await Put(core, std::move(revocation), wait);
    co_return revoked;
  }

  static asio::awaitable<void> KeepAndTry(std::shared_ptr<const Core> core,
                                          PendingRevocation revocation) {
    // Until the store has it this process is all that knows of it.
    Backoff backoff(absl::Seconds(1), absl::Seconds(30));
    while (true) {
      PendingRevocation copy = revocation.Copy();
      const absl::Status kept = co_await Put(core, std::move(copy), kHidden);
      const absl::Time deadline = core->clock.Now() + kHidden / 2;
      copy = revocation.Copy();
      const absl::Status tried = co_await Try(core, std::move(copy), deadline);
      if (kept.ok() || IsFinal(tried)) co_return;
      if (core->clock.Now() - revocation.queued_at >= kMaxRevocationAge) co_return;
      co_await Pause(backoff.Next());
    }
  }

  static Task<int> WorkOff(std::shared_ptr<const Core> core) {
    int tried = 0;
    while (true) {
      auto claimed = co_await core->store.ClaimRevocations(core->clock.Now(), kAtATime, kHidden);
      if (!claimed.ok()) co_return claimed.status();
      if (claimed->empty()) co_return tried;
      // Together, so that one provider's silence does not hold up another's.
      for (PendingRevocation& revocation : *claimed) {
        const absl::Time deadline = core->clock.Now() + kHidden / 2;
        core->runtime.Spawn(TryAlone(core, std::move(revocation), deadline));
        ++tried;
      }
    }
  }

  static asio::awaitable<void> TryAlone(std::shared_ptr<const Core> core,
                                        PendingRevocation revocation, absl::Time deadline) {
    (void)co_await Try(core, std::move(revocation), deadline);
  }

  static asio::awaitable<void> Run(std::shared_ptr<const Core> core) {
    while (true) {
      // Not all replicas in one moment.
      co_await Pause(kLookEvery * (0.75 + 0.5 * RandomFraction()));
      // A store that is away is told of by readiness.
      (void)co_await WorkOff(core);
      auto waiting = co_await core->store.SummarizeRevocations();
      if (!waiting.ok()) continue;
      const MutexLock lock(core->counts->mutex);
      core->counts->waiting = *waiting;
    }
  }
};

RevocationQueue::RevocationQueue(const Clients& clients, grants::GrantStore& store,
                                 const Clock& clock, Runtime& runtime)
    : core_(std::make_shared<const Core>(Core{clients, store, clock, runtime})) {}

PendingRevocation RevocationQueue::New(const Client& client,
                                       std::vector<grants::RevocableToken> tokens) const {
  return {.id = RandomToken(16),
          .client = client.name,
          .tokens = std::move(tokens),
          .queued_at = core_->clock.Now()};
}

StatusTask RevocationQueue::Keep(PendingRevocation revocation) const {
  return Core::Put(core_, std::move(revocation), kHidden);
}

StatusTask RevocationQueue::Try(PendingRevocation revocation, absl::Time deadline) const {
  return Core::Try(core_, std::move(revocation), deadline);
}

void RevocationQueue::Submit(const Client& client,
                             std::vector<grants::RevocableToken> tokens) const {
  if (tokens.empty()) return;
  PendingRevocation revocation = New(client, std::move(tokens));
  core_->runtime.Spawn(Core::KeepAndTry(core_, std::move(revocation)));
}

RevocationCounts RevocationQueue::counts() const {
  const Core::Counts& counts = *core_->counts;
  return {
      .confirmed = counts.confirmed, .postponed = counts.postponed, .abandoned = counts.abandoned};
}

grants::RevocationSummary RevocationQueue::waiting() const {
  const MutexLock lock(core_->counts->mutex);
  return core_->counts->waiting;
}

Task<int> RevocationQueue::WorkOff() const { return Core::WorkOff(core_); }

asio::awaitable<void> RevocationQueue::Run() const { return Core::Run(core_); }

}  // namespace tokenbroker::broker
