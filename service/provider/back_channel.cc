#include "provider/back_channel.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "provider/delivery.h"

namespace tokenbroker::provider {
namespace {

// What a caller is told to wait where the provider said nothing itself.
constexpr absl::Duration kRetryAfter = absl::Seconds(1);

bool HasCause(const absl::Status& status, std::string_view cause) {
  const ErrorMetadata metadata = MetadataOf(status);
  const auto found = metadata.find("cause");
  return found != metadata.end() && found->second == cause;
}

bool MayBeRepeated(const absl::Status& status) {
  return HasReason(status, Reason::kProviderUnavailable) &&
         DeliveryOf(status) == Delivery::kNotSent && !HasCause(status, "address_refused");
}

absl::Status As(Reason reason, const absl::Status& status) {
  return Error(reason, MetadataOf(status));
}

// An HttpClient's error as an error of this provider.
absl::Status Translate(absl::Status status, bool is_callers_deadline) {
  if (HasReason(status, Reason::kInvalidRequest)) {
    return Delivered(As(Reason::kProviderMisconfigured, status), Delivery::kNotSent);
  }
  if (HasCause(status, "address_refused")) return As(Reason::kProviderMisconfigured, status);
  if (HasReason(status, Reason::kDeadlineExceeded) && !is_callers_deadline) {
    status = As(Reason::kProviderUnavailable, status);
  }
  if (HasReason(status, Reason::kProviderUnavailable) && !RetryAfterOf(status)) {
    status = WithRetryAfter(std::move(status), kRetryAfter);
  }
  return status;
}

}  // namespace

oauth::HttpAnswer AnswerOf(const HttpResponse& response) {
  return {.status = response.status,
          .content_type = response.Header("content-type").value_or(""),
          .body = response.body.Reveal(),
          .retry_after = response.Header("retry-after")};
}

BackChannel::BackChannel(std::shared_ptr<HttpClient> http, const Clock& clock,
                         BackChannelOptions options)
    : http_(std::move(http)), clock_(clock), options_(std::move(options)) {}

Task<HttpResponse> BackChannel::Exchange(std::function<absl::StatusOr<HttpRequest>()> make,
                                         absl::Time deadline) const {
  const absl::Time timeout_at = clock_.Now() + options_.timeout;
  const absl::Time give_up_at = std::min(deadline, timeout_at);
  absl::StatusOr<HttpRequest> request = make();
  if (!request.ok()) co_return Delivered(request.status(), Delivery::kNotSent);
  absl::StatusOr<HttpResponse> response = co_await Send(*std::move(request), give_up_at);
  if (!response.ok() && MayBeRepeated(response.status()) && clock_.Now() < give_up_at) {
    request = make();
    if (!request.ok()) co_return Delivered(request.status(), Delivery::kNotSent);
    response = co_await Send(*std::move(request), give_up_at);
  }
  if (!response.ok()) co_return Translate(response.status(), deadline <= timeout_at);
  co_return response;
}

Task<HttpResponse> BackChannel::Send(HttpRequest request, absl::Time deadline) const {
  request.deadline = deadline;
  request.limits = options_.limits;
  request.tls.ca_file = options_.tls.ca_file;
  return http_->Send(std::move(request));
}

}  // namespace tokenbroker::provider
