// HTTP without a network: scripted answers, and a decorator that fails at a chosen call.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "net/http_client.h"

namespace tokenbroker::testing {

// An answer with a JSON body.
HttpResponse JsonResponse(int status, std::string_view json);

// A copy for comparing in tests, secrets included.
struct RecordedRequest {
  std::string method;
  std::string url;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  std::string certificate_file;  // of the client certificate; empty: none is shown
};

// Thread-safe. Answers by exact URL, without suspending.
class FakeHttpClient final : public HttpClient {
 public:
  using Responder = std::function<absl::StatusOr<HttpResponse>(const RecordedRequest&)>;

  // The next request for `url` that nothing queued earlier answers gets `result`.
  void Enqueue(std::string_view url, absl::StatusOr<HttpResponse> result);

  // Requests for `url` with nothing queued are answered by `responder`.
  void AnswerWith(std::string_view url, Responder responder);

  // All requests so far, in order.
  std::vector<RecordedRequest> requests() const;
  std::vector<RecordedRequest> requests_for(std::string_view url) const;

  // A URL that nothing was scripted for fails with PROVIDER_UNAVAILABLE, cause `unscripted`.
  Task<HttpResponse> Send(HttpRequest request) override;

 private:
  absl::StatusOr<HttpResponse> Answer(const RecordedRequest& request);

  mutable std::mutex mutex_;
  std::map<std::string, std::deque<absl::StatusOr<HttpResponse>>> queued_;
  std::map<std::string, Responder> responders_;
  std::vector<RecordedRequest> requests_;
};

// When, relative to the exchange, FaultyHttpClient fails.
enum class FaultPoint {
  kBeforeSending,   // the inner client never sees the request; Delivery::kNotSent
  kAfterAnswering,  // the inner client answered, and the answer is lost; Delivery::kUnknown
};

// Passes requests on, but fails the `at`-th (from 1) with PROVIDER_UNAVAILABLE. Thread-safe.
class FaultyHttpClient final : public HttpClient {
 public:
  // Borrows `inner`.
  FaultyHttpClient(HttpClient& inner, int at, FaultPoint point)
      : inner_(inner), at_(at), point_(point) {}

  // How many requests came, the failed one included.
  int calls() const;

  Task<HttpResponse> Send(HttpRequest request) override;

 private:
  bool IsFaulty();

  HttpClient& inner_;
  const int at_;
  const FaultPoint point_;
  mutable std::mutex mutex_;
  int calls_ = 0;
};

}  // namespace tokenbroker::testing
