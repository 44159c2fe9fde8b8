#include "provider/bounded_http_client.h"

#include <utility>

#include "base/error.h"
#include "provider/delivery.h"

namespace tokenbroker::provider {
namespace {

// One of the places, for as long as this lives; also where the coroutine is dropped.
class Place {
 public:
  explicit Place(std::shared_ptr<std::atomic<int>> taken)
      : taken_(std::move(taken)), number_(++*taken_) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { --*taken_; }

  int number() const { return number_; }

 private:
  const std::shared_ptr<std::atomic<int>> taken_;
  const int number_;
};

}  // namespace

Task<HttpResponse> BoundedHttpClient::Send(HttpRequest request) {
  const Place place(in_flight_);
  if (place.number() > max_in_flight_) {
    absl::Status full = Error(Reason::kLimitReached, {{"limit", "provider_requests"}});
    co_return Delivered(WithRetryAfter(std::move(full), absl::Seconds(1)), Delivery::kNotSent);
  }
  co_return co_await inner_.Send(std::move(request));
}

}  // namespace tokenbroker::provider
