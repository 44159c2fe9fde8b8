#include "provider/document_fetcher.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asio/experimental/as_tuple.hpp"
#include "asio/steady_timer.hpp"
#include "asio/this_coro.hpp"
#include "asio/use_awaitable.hpp"
#include "base/error.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "oauth/token_response.h"

namespace tokenbroker::provider {
namespace {

bool IsPassing(const HttpResponse& response) {
  switch (response.status) {
    case 500:
    case 502:
    case 503:
    case 504:
      // A provider that says when to come back is not asked before.
      return !response.Header("retry-after");
    default:
      return false;
  }
}

absl::Status StatusError(const HttpResponse& response, absl::Time now) {
  if (response.status == 304) {
    return Error(Reason::kProviderResponseInvalid,
                 {{"check", "STATUS_UNEXPECTED"}, {"status", "304"}});
  }
  const Reason reason =
      response.status == 429 ? Reason::kProviderRateLimited : Reason::kProviderUnavailable;
  absl::Status status = Error(reason, {{"status", absl::StrCat(response.status)}});
  const auto retry_after = response.Header("retry-after");
  if (!retry_after) return status;
  const auto wait = oauth::ParseRetryAfter(*retry_after, now);
  return wait ? WithRetryAfter(std::move(status), *wait) : status;
}

HttpRequest GetRequest(const std::string& url, std::string_view endpoint) {
  HttpRequest request;
  request.url = url;
  request.endpoint = endpoint;
  request.headers.push_back({"Accept", Secret("application/json")});
  return request;
}

asio::awaitable<void> Pause(absl::Duration pause) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(absl::ToChronoNanoseconds(pause));
  co_await timer.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
}

}  // namespace

DocumentFetcher::DocumentFetcher(std::shared_ptr<HttpClient> http, const Clock& clock,
                                 DocumentFetcherOptions options)
    : channel_(std::move(http), clock,
               {.timeout = options.timeout,
                .limits = {.max_body_bytes = options.max_bytes},
                .tls = options.tls}),
      clock_(clock),
      options_(std::move(options)) {}

Task<HttpResponse> DocumentFetcher::Fetch(std::string url) const {
  const std::string_view endpoint = options_.endpoint;
  const absl::Time retry_until = clock_.Now() + options_.timeout;
  absl::Duration pause = options_.pause * (1 + RandomFraction());
  for (int retries = 0;; ++retries, pause *= 2) {
    auto make = [&url, endpoint]() -> absl::StatusOr<HttpRequest> {
      return GetRequest(url, endpoint);
    };
    CO_ASSIGN_OR_RETURN(HttpResponse response,
                        co_await channel_.Exchange(make, absl::InfiniteFuture()));
    if (response.status == 200) co_return response;
    const absl::Time now = clock_.Now();
    if (!IsPassing(response) || retries == options_.max_retries || now + pause >= retry_until) {
      co_return StatusError(response, now);
    }
    co_await Pause(pause);
  }
}

}  // namespace tokenbroker::provider
