#include "provider/delivery.h"

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

}  // namespace tokenbroker::provider
