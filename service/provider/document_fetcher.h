// Fetches what a provider publishes: its metadata, its keys.
#pragma once

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/task.h"
#include "net/http_client.h"
#include "provider/back_channel.h"

namespace tokenbroker::provider {

// How long somebody who could be served with an older document waits for a newer one.
inline constexpr absl::Duration kDocumentPatience = absl::Seconds(2);

struct DocumentFetcherOptions {
  // For one attempt; none begins once it is over. Default: 10 s.
  absl::Duration timeout = absl::Seconds(10);
  // How often a 500, 502, 503 or 504 is answered by asking again. Default: 3.
  int max_retries = 3;
  // Before the first retry; doubled for each further one, with jitter. Default: 100 ms.
  absl::Duration pause = absl::Milliseconds(100);
  // A larger document is refused. Default: 1 MiB.
  std::size_t max_bytes = 1 << 20;
  TlsClientOptions tls = {};
  // HttpRequest::endpoint, such as `jwks`.
  std::string_view endpoint = "other";
};

// Thread-safe.
class DocumentFetcher {
 public:
  DocumentFetcher(std::shared_ptr<HttpClient> http, const Clock& clock,
                  DocumentFetcherOptions options);

  // GETs `url`. The response's status is 200.
  //
  // Errors: those of BackChannel; PROVIDER_RATE_LIMITED for 429 and PROVIDER_UNAVAILABLE for every
  // other status (metadata `status`), with RetryInfo where the provider says when;
  // PROVIDER_RESPONSE_INVALID for a 304, which nobody asked for. Redirects are not followed.
  // Suspends: one network round trip, more where the provider fails. Borrows: this object must
  // outlive the task.
  Task<HttpResponse> Fetch(std::string url) const;

 private:
  const BackChannel channel_;
  const Clock& clock_;
  const DocumentFetcherOptions options_;
};

}  // namespace tokenbroker::provider
