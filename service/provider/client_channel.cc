#include "provider/client_channel.h"

#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "oauth/answer_error.h"
#include "provider/back_channel.h"
#include "provider/client_authentications.h"
#include "provider/delivery.h"

namespace tokenbroker::provider {
namespace {

std::string AudienceOf(const oauth::ProviderMetadata& metadata, AssertionAudience audience) {
  switch (audience) {
    case AssertionAudience::kIssuer:
      return metadata.issuer;
    case AssertionAudience::kTokenEndpoint:
      return metadata.token_endpoint;
  }
  return metadata.issuer;
}

bool RejectsAuthentication(const HttpResponse& response, absl::Time now) {
  if (response.status < 400) return false;
  const absl::Status error = oauth::AnswerError(AnswerOf(response), now);
  if (!HasReason(error, Reason::kProviderRejectedClient)) return false;
  const ErrorMetadata metadata = MetadataOf(error);
  const auto word = metadata.find("error");
  return word != metadata.end() && word->second == "invalid_client";
}

}  // namespace

ClientChannel::ClientChannel(const DpopChannel& channel, const Clock& clock,
                             AssertionAudience audience)
    : channel_(channel), clock_(clock), audience_(audience) {}

Task<HttpResponse> ClientChannel::Post(const Registration& registration,
                                       std::shared_ptr<const oauth::ProviderMetadata> metadata,
                                       ClientRequest request, absl::Time deadline) const {
  auto authentications = UsableAuthentications(registration, *metadata);
  if (!authentications.ok()) co_return Delivered(authentications.status(), Delivery::kNotSent);
  if (request.attempts == Attempts::kOne) authentications->resize(1);
  absl::StatusOr<HttpResponse> response = Error(Reason::kInternal);
  for (const oauth::ClientAuthentication* authentication : *authentications) {
    const auto make = [&, authentication] {
      return Authenticated(request, registration.client_id, *authentication, *metadata);
    };
    DpopChannel::Request attempt{.make = make, .key = request.dpop_key};
    response = co_await channel_.Exchange(std::move(attempt), deadline);
    if (!response.ok() || !RejectsAuthentication(*response, clock_.Now())) break;
  }
  co_return response;
}

absl::StatusOr<HttpRequest> ClientChannel::Authenticated(
    const ClientRequest& request, const std::string& client_id,
    const oauth::ClientAuthentication& authentication,
    const oauth::ProviderMetadata& metadata) const {
  ASSIGN_OR_RETURN(const std::string_view url,
                   EndpointUrl(metadata, request.endpoint, authentication));
  const oauth::AssertionTerms terms{.audience = AudienceOf(metadata, audience_),
                                    .now = clock_.Now()};
  ASSIGN_OR_RETURN(
      oauth::EncodedRequest encoded,
      oauth::Authenticate(request.make_form(authentication), client_id, authentication, terms));
  HttpRequest made;
  made.method = "POST";
  made.url = url;
  made.endpoint = EndpointName(request.endpoint);
  made.headers.push_back({"Content-Type", Secret("application/x-www-form-urlencoded")});
  for (auto& [name, value] : encoded.headers) {
    made.headers.push_back({std::move(name), std::move(value)});
  }
  made.body = std::move(encoded.body);
  made.tls.client_certificate = CertificateOf(authentication);
  made.may_leave = request.may_leave;
  return made;
}

}  // namespace tokenbroker::provider
