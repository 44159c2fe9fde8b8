// How an authorization request leaves: in the URL as it is, signed (RFC 9101), handed over in
// advance (RFC 9126), or both.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "base/task.h"
#include "broker/client.h"
#include "oauth/authorization_request.h"
#include "oauth/provider_metadata.h"

namespace tokenbroker::broker {

struct OutgoingRequest {
  std::string url;          // for the browser
  absl::Time usable_until;  // when the browser must be there
};

// What the client and the provider's metadata together ask for. The references outlive the task.
// Errors: those of oauth::AuthorizationParameters, oauth::BuildAuthorizationUrl and
// oauth::SignRequestObject; PROVIDER_MISCONFIGURED (metadata `member`) where a request must be
// pushed or signed and cannot be, or not with this key; those of
// Provider::PushAuthorizationRequest.
// Suspends: one network round trip where the request is pushed.
Task<OutgoingRequest> SendOff(const Client& client, const oauth::ProviderMetadata& metadata,
                              const oauth::AuthorizationRequest& request, absl::Time now,
                              absl::Time deadline);

}  // namespace tokenbroker::broker
