// Whether the peer may have seen a request that failed: what decides if it may be repeated.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace tokenbroker {

enum class Delivery {
  kNotSent,  // provably nothing of the request reached the peer: repeat freely
  kUnknown,  // the peer may have acted on it
};

// `status` with metadata `delivery` ("not_sent" or "unknown") and `cause`: a short constant word
// for the class of the failure (`dns`, `connect`, `tls`, `timeout`, `reset`, `too_large`, ...).
absl::Status WithDelivery(absl::Status status, Delivery delivery, std::string_view cause);

// kUnknown for a status that does not say.
Delivery DeliveryOf(const absl::Status& status);

}  // namespace tokenbroker
