#include "provider/delivery.h"

#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace tokenbroker::provider {
namespace {

// The same key and words as net/delivery.h, whose errors come through here, and one word more.
constexpr std::string_view kKey = "delivery";
constexpr std::string_view kNotSent = "not_sent";
constexpr std::string_view kAnswered = "answered";
constexpr std::string_view kUnknown = "unknown";

std::string ErrorWordOf(const absl::Status& status) {
  const ErrorMetadata metadata = MetadataOf(status);
  const auto found = metadata.find("error");
  return found == metadata.end() ? "" : found->second;
}

// Whether a server that fails says that it has done nothing.
bool DeclaresItselfAway(const oauth::HttpAnswer& answer, const std::string& error, absl::Time now) {
  if (answer.status != 503) return false;
  const bool says_when =
      answer.retry_after && oauth::ParseRetryAfter(*answer.retry_after, now).has_value();
  return says_when || error == "temporarily_unavailable";
}

// RFC 6749 section 5.2 answers a refusal with 400 or 401; 403 is what others use.
bool IsRefusal(const oauth::HttpAnswer& answer, const std::string& error) {
  const bool has_status = answer.status == 400 || answer.status == 401 || answer.status == 403;
  return has_status && !error.empty() && error != "server_error";
}

}  // namespace

Delivery DeliveryOf(const absl::Status& status) {
  const ErrorMetadata metadata = MetadataOf(status);
  const auto found = metadata.find(std::string(kKey));
  if (found == metadata.end()) return Delivery::kUnknown;
  if (found->second == kNotSent) return Delivery::kNotSent;
  return found->second == kAnswered ? Delivery::kAnswered : Delivery::kUnknown;
}

absl::Status Delivered(absl::Status status, Delivery delivery) {
  if (status.ok()) return status;
  switch (delivery) {
    case Delivery::kNotSent:
      return WithMetadata(std::move(status), kKey, kNotSent);
    case Delivery::kAnswered:
      return WithMetadata(std::move(status), kKey, kAnswered);
    case Delivery::kUnknown:
      break;
  }
  return WithMetadata(std::move(status), kKey, kUnknown);
}

absl::Status DeliveredBy(const oauth::HttpAnswer& answer, absl::Status status, absl::Time now) {
  const std::string error = ErrorWordOf(status);
  const bool did_nothing = HasReason(status, Reason::kProviderRateLimited) ||
                           IsRefusal(answer, error) || DeclaresItselfAway(answer, error, now);
  return Delivered(std::move(status), did_nothing ? Delivery::kAnswered : Delivery::kUnknown);
}

}  // namespace tokenbroker::provider
