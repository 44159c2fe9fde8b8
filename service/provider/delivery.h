// Marks errors with what is known of the request that failed; see provider/provider.h.
#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "oauth/token_response.h"
#include "provider/provider.h"

namespace tokenbroker::provider {

// `status` such that DeliveryOf says `delivery`. Success stays success.
absl::Status Delivered(absl::Status status, Delivery delivery);

// `status`, which is what was read from `answer`, with the delivery that the answer shows:
// kAnswered where the provider said that it did not do what it was asked to, kUnknown where it may
// have done it all the same (docs/decisions/2026-11-27-what-a-failed-refresh-leaves-open.md). `now`
// is for a Retry-After that is a date. Success stays success.
absl::Status DeliveredBy(const oauth::HttpAnswer& answer, absl::Status status, absl::Time now);

}  // namespace tokenbroker::provider
