// Requests that a client makes to its provider as itself.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/task.h"
#include "net/http_client.h"
#include "oauth/client_authentication.h"
#include "oauth/dpop.h"
#include "oauth/form.h"
#include "oauth/provider_metadata.h"
#include "provider/dpop_channel.h"
#include "provider/endpoint.h"
#include "provider/provider.h"

namespace tokenbroker::provider {

// Whom client assertions are meant for.
enum class AssertionAudience {
  kIssuer,         // the issuer identifier: useless at any other provider
  kTokenEndpoint,  // the URL of the token endpoint, for providers that take nothing else
};

// Whether a request may be sent again with the client's next authentication.
enum class Attempts {
  kOne,                 // it redeems something that is sent once, such as a code
  kEachAuthentication,  // until the provider says something else than `invalid_client`
};

// A form that a client posts to its provider.
struct ClientRequest {
  Endpoint endpoint = Endpoint::kToken;
  // The fields of the request, to which those of the authentication are added. Called for every
  // attempt.
  std::function<oauth::FormWriter(const oauth::ClientAuthentication&)> make_form;
  Attempts attempts = Attempts::kEachAuthentication;
  oauth::DpopKey dpop_key = nullptr;     // what the request proves possession of; null: of nothing
  std::function<bool()> may_leave = {};  // HttpRequest::may_leave, of every attempt
};

// Thread-safe.
class ClientChannel {
 public:
  // Borrows both.
  ClientChannel(const DpopChannel& channel, const Clock& clock, AssertionAudience audience);

  // Posts `request` as the client of `registration`, authenticated anew for every attempt and on
  // connections that no other certificate is shown on. Whatever the provider answers last is
  // returned, its refusals too; any HTTP status is a success.
  //
  // Errors: those of DpopChannel::Exchange, and PROVIDER_MISCONFIGURED where the provider takes
  // none of the client's authentications; OPERATION_NOT_SUPPORTED where it does not have the
  // endpoint. All with a Delivery. Suspends: up to the 4 exchanges of a DpopChannel for each
  // authentication. Borrows: this object and `registration` must outlive the task.
  Task<HttpResponse> Post(const Registration& registration,
                          std::shared_ptr<const oauth::ProviderMetadata> metadata,
                          ClientRequest request, absl::Time deadline) const;

 private:
  // The one place where requests to the provider are authenticated. Called for every attempt.
  absl::StatusOr<HttpRequest> Authenticated(const ClientRequest& request,
                                            const std::string& client_id,
                                            const oauth::ClientAuthentication& authentication,
                                            const oauth::ProviderMetadata& metadata) const;

  const DpopChannel& channel_;
  const Clock& clock_;
  const AssertionAudience audience_;
};

}  // namespace tokenbroker::provider
