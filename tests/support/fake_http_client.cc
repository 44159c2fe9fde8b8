#include "support/fake_http_client.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "base/error.h"

namespace tokenbroker::testing {
namespace {

RecordedRequest Record(const HttpRequest& request) {
  RecordedRequest recorded = {
      request.method, request.url, {}, std::string(request.body.Reveal()), {}};
  if (request.tls.client_certificate) {
    recorded.certificate_file = request.tls.client_certificate->certificate_file;
  }
  for (const HttpHeader& header : request.headers) {
    recorded.headers[absl::AsciiStrToLower(header.name)] = std::string(header.value.Reveal());
  }
  return recorded;
}

}  // namespace

HttpResponse JsonResponse(int status, std::string_view json) {
  return {status, {{"content-type", "application/json"}}, Secret(json)};
}

void FakeHttpClient::Enqueue(std::string_view url, absl::StatusOr<HttpResponse> result) {
  const std::lock_guard lock(mutex_);
  queued_[std::string(url)].push_back(std::move(result));
}

void FakeHttpClient::AnswerWith(std::string_view url, Responder responder) {
  const std::lock_guard lock(mutex_);
  responders_[std::string(url)] = std::move(responder);
}

std::vector<RecordedRequest> FakeHttpClient::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::vector<RecordedRequest> FakeHttpClient::requests_for(std::string_view url) const {
  std::vector<RecordedRequest> matching = requests();
  std::erase_if(matching, [url](const RecordedRequest& request) { return request.url != url; });
  return matching;
}

Task<HttpResponse> FakeHttpClient::Send(HttpRequest request) {
  const RecordedRequest recorded = Record(request);
  co_return Answer(recorded);
}

absl::StatusOr<HttpResponse> FakeHttpClient::Answer(const RecordedRequest& request) {
  Responder responder;
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    auto& queue = queued_[request.url];
    if (!queue.empty()) {
      absl::StatusOr<HttpResponse> result = std::move(queue.front());
      queue.pop_front();
      return result;
    }
    const auto found = responders_.find(request.url);
    if (found != responders_.end()) responder = found->second;
  }
  if (responder) return responder(request);
  return WithDelivery(Error(Reason::kProviderUnavailable), Delivery::kNotSent, "unscripted");
}

int FaultyHttpClient::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

bool FaultyHttpClient::IsFaulty() {
  const std::lock_guard lock(mutex_);
  return ++calls_ == at_;
}

Task<HttpResponse> FaultyHttpClient::Send(HttpRequest request) {
  const bool faulty = IsFaulty();
  if (faulty && point_ == FaultPoint::kBeforeSending) {
    co_return WithDelivery(Error(Reason::kProviderUnavailable), Delivery::kNotSent, "injected");
  }
  absl::StatusOr<HttpResponse> result = co_await inner_.Send(std::move(request));
  if (faulty) {
    co_return WithDelivery(Error(Reason::kProviderUnavailable), Delivery::kUnknown, "injected");
  }
  co_return result;
}

}  // namespace tokenbroker::testing
