#include "provider/metadata_source.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "provider/endpoint_hosts.h"

namespace tokenbroker::provider {
namespace {

absl::StatusOr<oauth::ProviderMetadata> Parse(const absl::StatusOr<HttpResponse>& response,
                                              const MetadataSourceOptions& options) {
  RETURN_IF_ERROR(response.status());
  return oauth::ParseProviderMetadata(response->body.Reveal(), options.issuer, options.scheme);
}

}  // namespace

std::shared_ptr<MetadataSource> MetadataSource::Create(Runtime& runtime,
                                                       std::shared_ptr<HttpClient> http,
                                                       const Clock& clock,
                                                       const telemetry::Log& log,
                                                       MetadataSourceOptions options) {
  return std::shared_ptr<MetadataSource>(
      new MetadataSource(runtime, std::move(http), clock, log, std::move(options)));
}

MetadataSource::MetadataSource(Runtime& runtime, std::shared_ptr<HttpClient> http,
                               const Clock& clock, const telemetry::Log& log,
                               MetadataSourceOptions options)
    : clock_(clock),
      log_(log),
      options_(std::move(options)),
      fetcher_(std::move(http), clock, options_.fetch),
      flights_(runtime, clock),
      cached_(options_.fixed ? absl::InfiniteDuration() : options_.max_age) {
  if (options_.fixed) {
    cached_.Keep(std::make_shared<oauth::ProviderMetadata>(*options_.fixed),
                 absl::InfiniteDuration(), clock_.Now());
  }
}

Task<MetadataSource::Pointer> MetadataSource::Get(absl::Time deadline) {
  return GetFrom(shared_from_this(), deadline);
}

Task<MetadataSource::Pointer> MetadataSource::GetFrom(std::shared_ptr<MetadataSource> self,
                                                      absl::Time deadline) {
  const auto view = self->Look();
  if (view.is_fresh) co_return view.document;
  if (view.blocked) {
    if (view.document) co_return view.document;
    co_return *view.blocked;
  }
  const absl::Time wait_until =
      view.document ? std::min(deadline, self->clock_.Now() + kDocumentPatience) : deadline;
  auto fetch = [self] { return Fetch(self); };
  absl::StatusOr<Pointer> fetched =
      co_await self->flights_.Run(self->options_.issuer, std::move(fetch), wait_until);
  if (fetched.ok() || !view.document || HasReason(fetched.status(), Reason::kCancelled)) {
    co_return fetched;
  }
  co_return view.document;
}

Task<MetadataSource::Pointer> MetadataSource::Fetch(std::shared_ptr<MetadataSource> self) {
  // Another flight may have landed since this one was found to be needed.
  const auto view = self->Look();
  if (view.is_fresh) co_return view.document;
  const absl::StatusOr<HttpResponse> response =
      co_await self->fetcher_.Fetch(oauth::DiscoveryUrl(self->options_.issuer));
  co_return self->Keep(Parse(response, self->options_));
}

asio::awaitable<void> MetadataSource::Prefetch() { return PrefetchFor(shared_from_this()); }

asio::awaitable<void> MetadataSource::PrefetchFor(std::shared_ptr<MetadataSource> self) {
  if (self->Look().document) co_return;
  const absl::StatusOr<HttpResponse> response =
      co_await self->fetcher_.Fetch(oauth::DiscoveryUrl(self->options_.issuer));
  auto fetched = Parse(response, self->options_);
  if (!fetched.ok()) co_return;
  auto document = std::make_shared<const oauth::ProviderMetadata>(*std::move(fetched));
  const MutexLock lock(self->mutex_);
  if (self->cached_.last() != nullptr) co_return;  // the first use was faster
  self->cached_.Keep(std::move(document), self->options_.lifetime, self->clock_.Now());
}

CachedDocument<oauth::ProviderMetadata>::View MetadataSource::Look() const {
  MutexLock lock(mutex_);
  return cached_.Look(clock_.Now());
}

DocumentState MetadataSource::state() const {
  MutexLock lock(mutex_);
  return cached_.state(clock_.Now());
}

absl::StatusOr<MetadataSource::Pointer> MetadataSource::Keep(
    absl::StatusOr<oauth::ProviderMetadata> fetched) {
  const absl::Time now = clock_.Now();
  bool is_served_old = false;
  absl::Status failure = fetched.status();
  {
    MutexLock lock(mutex_);
    const Pointer& before = cached_.last();
    if (failure.ok() && before) {
      failure = CheckEndpointHosts(*fetched, *before, options_.trusted_hosts);
    }
    if (failure.ok()) {
      auto document = std::make_shared<const oauth::ProviderMetadata>(*std::move(fetched));
      cached_.Keep(document, options_.lifetime, now);
      return document;
    }
    failure = cached_.Fail(std::move(failure), now);
    is_served_old = cached_.Look(now).document != nullptr;
  }
  if (is_served_old) {
    log_.Write(telemetry::Level::kWarning, "provider metadata cannot be renewed",
               {{"issuer", options_.issuer},
                {"reason", Describe(ReasonOf(failure).value_or(Reason::kInternal)).name}});
  }
  return failure;
}

}  // namespace tokenbroker::provider
