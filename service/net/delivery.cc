#include "net/delivery.h"

#include <utility>

#include "base/error.h"

namespace tokenbroker {
namespace {

constexpr std::string_view kKey = "delivery";
constexpr std::string_view kNotSentName = "not_sent";

}  // namespace

absl::Status WithDelivery(absl::Status status, Delivery delivery, std::string_view cause) {
  status = WithMetadata(std::move(status), kKey,
                        delivery == Delivery::kNotSent ? kNotSentName : "unknown");
  return WithMetadata(std::move(status), "cause", cause);
}

Delivery DeliveryOf(const absl::Status& status) {
  const auto metadata = MetadataOf(status);
  const auto found = metadata.find(std::string(kKey));
  return found != metadata.end() && found->second == kNotSentName ? Delivery::kNotSent
                                                                  : Delivery::kUnknown;
}

}  // namespace tokenbroker
