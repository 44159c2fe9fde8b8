// A provider's metadata: discovered on first use, kept, and asked for again before it is old.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/task.h"
#include "net/http_client.h"
#include "net/runtime.h"
#include "oauth/provider_metadata.h"
#include "provider/cached_document.h"
#include "provider/document_fetcher.h"
#include "provider/provider_state.h"
#include "provider/single_flight.h"
#include "telemetry/log.h"

namespace tokenbroker::provider {

struct MetadataSourceOptions {
  std::string issuer;
  oauth::HttpScheme scheme = oauth::HttpScheme::kHttpsOnly;
  // For a provider without discovery: this it is, and nothing is ever fetched.
  std::optional<oauth::ProviderMetadata> fixed;
  // How long a document is used without asking again. Default: 1 h.
  absl::Duration lifetime = absl::Hours(1);
  // How old a document may get while the provider fails. Default: 24 h.
  absl::Duration max_age = absl::Hours(24);
  // Hosts that endpoints may move to while the broker runs; see provider/endpoint_hosts.h.
  std::vector<std::string> trusted_hosts;
  DocumentFetcherOptions fetch;
};

// Thread-safe. A fetch in flight keeps the source alive.
class MetadataSource : public std::enable_shared_from_this<MetadataSource> {
 public:
  using Pointer = std::shared_ptr<const oauth::ProviderMetadata>;

  // Fetches nothing yet. Borrows `runtime`, `clock` and `log`.
  static std::shared_ptr<MetadataSource> Create(Runtime& runtime, std::shared_ptr<HttpClient> http,
                                                const Clock& clock, const telemetry::Log& log,
                                                MetadataSourceOptions options);

  // The metadata, never null. While a fetch fails, the last good document is served until it is
  // `max_age` old, and nothing is fetched until the back-off is over.
  //
  // Errors: those of DocumentFetcher and of oauth::ParseProviderMetadata, with RetryInfo;
  // PROVIDER_MISCONFIGURED where an endpoint moved to an unknown host; DEADLINE_EXCEEDED.
  // Suspends: up to one fetch, shared by all who wait. Cancellation: safe.
  Task<Pointer> Get(absl::Time deadline);

  // Fetches ahead of the first use, so that it need not wait. A failure is forgotten: the first use
  // asks again. Suspends: one fetch, unless there is a document.
  asio::awaitable<void> Prefetch();

  DocumentState state() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  MetadataSource(Runtime& runtime, std::shared_ptr<HttpClient> http, const Clock& clock,
                 const telemetry::Log& log, MetadataSourceOptions options);

  static Task<Pointer> GetFrom(std::shared_ptr<MetadataSource> self, absl::Time deadline);
  static Task<Pointer> Fetch(std::shared_ptr<MetadataSource> self);
  static asio::awaitable<void> PrefetchFor(std::shared_ptr<MetadataSource> self);

  CachedDocument<oauth::ProviderMetadata>::View Look() const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<Pointer> Keep(absl::StatusOr<oauth::ProviderMetadata> fetched)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Constant after construction.
  const Clock& clock_;
  const telemetry::Log& log_;
  const MetadataSourceOptions options_;
  const DocumentFetcher fetcher_;
  // Provides its own synchronisation.
  SingleFlight<std::string, Pointer> flights_;

  mutable Mutex mutex_;
  CachedDocument<oauth::ProviderMetadata> cached_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker::provider
