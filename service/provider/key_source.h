// The keys that an issuer signs with, fetched on first use and again when they may have changed.
//
//   auto keys = KeySource::Create(runtime, http, clock, log, FixedJwksUri(url), {});
//   absl::StatusOr<jose::Jwt> jwt = co_await keys->Verify(std::move(token), policy, deadline);
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/secret.h"
#include "base/task.h"
#include "jose/jwk.h"
#include "jose/jws.h"
#include "limits/token_bucket.h"
#include "net/http_client.h"
#include "net/runtime.h"
#include "provider/cache_lifetime.h"
#include "provider/cached_document.h"
#include "provider/document_fetcher.h"
#include "provider/provider_state.h"
#include "provider/single_flight.h"
#include "telemetry/log.h"

namespace tokenbroker::provider {

struct KeySourceOptions {
  // What `Cache-Control` may ask for.
  LifetimeBounds lifetime;
  // How old keys may get while fetching fails. Default: 24 h.
  absl::Duration max_age = absl::Hours(24);
  // Fetches before their time, because a token names an unknown key or has a signature that does
  // not verify: this many at once, and one more each interval. They are counted by attempt,
  // whatever comes back; only one that made a token verify is given back.
  int forced_fetch_burst = 3;
  absl::Duration forced_fetch_interval = absl::Seconds(30);
  DocumentFetcherOptions fetch;
};

// Where the keys are; asked before each fetch, since metadata changes.
using JwksUri = std::function<Task<std::string>()>;
JwksUri FixedJwksUri(std::string url);

// Thread-safe. A fetch in flight keeps the source alive.
class KeySource : public std::enable_shared_from_this<KeySource> {
 public:
  // Fetches nothing yet. Borrows `runtime`, `clock` and `log`.
  static std::shared_ptr<KeySource> Create(Runtime& runtime, std::shared_ptr<HttpClient> http,
                                           const Clock& clock, const telemetry::Log& log,
                                           JwksUri uri, KeySourceOptions options);

  // Verifies `token` with these keys. While fetching fails, the last good keys are used until they
  // are `max_age` old.
  //
  // Errors: those of jose::VerifyJws; where keys are missing that cannot be fetched right now, the
  // errors of DocumentFetcher and jose::JwkSet::Parse, with RetryInfo; DEADLINE_EXCEEDED.
  // Suspends: up to two fetches, shared by all who wait. Cancellation: safe.
  Task<jose::Jwt> Verify(Secret token, jose::JwsPolicy policy, absl::Time deadline);

  DocumentState state() const ABSL_LOCKS_EXCLUDED(mutex_);
  // The `kid` of each key in use, "" for one without.
  std::vector<std::string> key_ids() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Keys {
    jose::JwkSet set;
    std::uint64_t version = 0;  // counts fetches
  };
  using Pointer = std::shared_ptr<const Keys>;
  enum class Flight { kDue, kForced };

  KeySource(Runtime& runtime, std::shared_ptr<HttpClient> http, const Clock& clock,
            const telemetry::Log& log, JwksUri uri, KeySourceOptions options);

  static Task<jose::Jwt> VerifyWith(std::shared_ptr<KeySource> self, Secret token,
                                    jose::JwsPolicy policy, absl::Time deadline);
  // Keys that need no fetch, or those of a fetch.
  static Task<Pointer> Current(std::shared_ptr<KeySource> self, absl::Time deadline);
  // Newer keys than `seen`; null where the limit on forced fetches forbids to look for them.
  static Task<Pointer> Newer(std::shared_ptr<KeySource> self, std::uint64_t seen,
                             absl::Time deadline);
  static Task<Pointer> Fetch(std::shared_ptr<KeySource> self);
  // The work of flights. Another may have landed since one was found to be needed.
  static Task<Pointer> FetchDue(std::shared_ptr<KeySource> self);
  static Task<Pointer> FetchForced(std::shared_ptr<KeySource> self, std::uint64_t seen);
  Task<HttpResponse> FetchDocument() const;

  CachedDocument<Keys>::View Look() const ABSL_LOCKS_EXCLUDED(mutex_);
  bool TakeForcedFetch() ABSL_LOCKS_EXCLUDED(mutex_);
  void RewardForcedFetch(std::uint64_t version) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<Pointer> Keep(const absl::StatusOr<HttpResponse>& response)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Constant after construction.
  const Clock& clock_;
  const telemetry::Log& log_;
  const JwksUri uri_;
  const KeySourceOptions options_;
  const DocumentFetcher fetcher_;
  // Provides its own synchronisation.
  SingleFlight<Flight, Pointer> flights_;

  mutable Mutex mutex_;
  CachedDocument<Keys> cached_ ABSL_GUARDED_BY(mutex_);
  limits::TokenBucket forced_fetches_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t version_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t rewarded_version_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace tokenbroker::provider
