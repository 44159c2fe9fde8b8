// Marks errors with what is known of the request that failed; see provider/provider.h.
#pragma once

#include "absl/status/status.h"
#include "provider/provider.h"

namespace tokenbroker::provider {

// `status` such that DeliveryOf says `delivery`. Success stays success.
absl::Status Delivered(absl::Status status, Delivery delivery);

}  // namespace tokenbroker::provider
