#include "broker/outgoing_request.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "oauth/request_object.h"

namespace tokenbroker::broker {
namespace {

absl::Status Unfit(const Client& client, std::string_view member, std::string_view message) {
  return ErrorWithMessage(Reason::kProviderMisconfigured, message,
                          {{"provider", client.provider->name()}, {"member", std::string(member)}});
}

absl::StatusOr<bool> MustPush(const Client& client, const oauth::ProviderMetadata& metadata) {
  const bool offered = metadata.pushed_authorization_request_endpoint.has_value();
  const bool required = client.pushed_requests == PushedRequests::kAlways ||
                        metadata.require_pushed_authorization_requests;
  if (required && !offered) {
    return Unfit(client, "pushed_authorization_request_endpoint",
                 "Authorization requests must be pushed (RFC 9126), but the provider has no "
                 "endpoint for it.");
  }
  return required || (offered && client.pushed_requests == PushedRequests::kWhenOffered);
}

absl::Status CheckSigning(const Client& client, const oauth::ProviderMetadata& metadata) {
  if (!client.request_object_key) {
    if (!metadata.require_signed_request_object) return absl::OkStatus();
    return Unfit(client, "require_signed_request_object",
                 "The provider takes signed authorization requests alone (RFC 9101); give the "
                 "client a request_object_key.");
  }
  const auto& names = metadata.request_object_signing_alg_values_supported;
  const bool taken = names.empty() || std::ranges::any_of(names, [&](const std::string& name) {
                       return jose::ParseAlgorithm(name) == client.request_object_key->algorithm();
                     });
  if (taken) return absl::OkStatus();
  return Unfit(client, "request_object_signing_alg_values_supported",
               "The provider does not list the algorithm of the client's request_object_key.");
}

}  // namespace

Task<OutgoingRequest> SendOff(const Client& client, const oauth::ProviderMetadata& metadata,
                              const oauth::AuthorizationRequest& request, absl::Time now,
                              absl::Time deadline) {
  CO_ASSIGN_OR_RETURN(const bool must_push, MustPush(client, metadata));
  CO_RETURN_IF_ERROR(CheckSigning(client, metadata));
  CO_ASSIGN_OR_RETURN(oauth::Parameters parameters, AuthorizationParameters(request));
  OutgoingRequest outgoing{.usable_until = now + client.authorization_request_lifetime};
  if (client.request_object_key) {
    outgoing.usable_until = std::min(outgoing.usable_until, now + oauth::kMaxRequestObjectLifetime);
    const oauth::RequestObjectClaims claims{.client_id = client.registration.client_id,
                                            .issuer = metadata.issuer,
                                            .id = RandomToken(16),
                                            .issued_at = now,
                                            .expires_at = outgoing.usable_until};
    CO_ASSIGN_OR_RETURN(std::string object,
                        oauth::SignRequestObject(parameters, claims, *client.request_object_key));
    parameters = must_push ? oauth::Parameters{{"request", std::move(object)}}
                           : oauth::WithRequestObject(parameters, std::move(object));
  }
  if (must_push) {
    auto pushed = co_await client.provider->PushAuthorizationRequest(
        client.registration, std::move(parameters), deadline);
    if (!pushed.ok()) co_return pushed.status();
    outgoing.usable_until = std::min(outgoing.usable_until, now + pushed->lifetime);
    parameters = {{"client_id", client.registration.client_id},
                  {"request_uri", std::move(pushed->request_uri)}};
  }
  CO_ASSIGN_OR_RETURN(outgoing.url,
                      BuildAuthorizationUrl(metadata.authorization_endpoint, parameters));
  co_return outgoing;
}

}  // namespace tokenbroker::broker
