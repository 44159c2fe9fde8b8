#include "provider/http_provider.h"

#include <string_view>
#include <utility>
#include <variant>

#include "base/error.h"
#include "base/status_macros.h"
#include "jose/jws.h"
#include "oauth/userinfo.h"
#include "provider/bounded_http_client.h"
#include "provider/client_authentications.h"
#include "provider/delivery.h"
#include "provider/signing_algorithms.h"

namespace tokenbroker::provider {
namespace {

DocumentFetcherOptions FetcherOptions(const HttpProviderOptions& options) {
  return {.timeout = options.request_timeout,
          .pause = options.retry_pause,
          .max_bytes = options.max_response_bytes,
          .tls = options.tls};
}

MetadataSourceOptions MetadataOptions(const HttpProviderOptions& options) {
  return {.issuer = options.issuer,
          .scheme = options.scheme,
          .fixed = options.fixed_metadata,
          .lifetime = options.metadata_lifetime,
          .max_age = options.max_stale,
          .trusted_hosts = options.trusted_hosts,
          .fetch = FetcherOptions(options)};
}

KeySourceOptions KeysOptions(const HttpProviderOptions& options) {
  return {.lifetime = options.keys_lifetime,
          .max_age = options.max_stale,
          .forced_fetch_burst = options.forced_fetch_burst,
          .forced_fetch_interval = options.forced_fetch_interval,
          .fetch = FetcherOptions(options)};
}

Task<std::string> JwksUriOf(std::shared_ptr<MetadataSource> source) {
  CO_ASSIGN_OR_RETURN(const auto metadata, co_await source->Get(absl::InfiniteFuture()));
  co_return metadata->jwks_uri;
}

HttpRequest FormPost(std::string url, oauth::EncodedRequest encoded) {
  HttpRequest request;
  request.method = "POST";
  request.url = std::move(url);
  request.headers.push_back({"Content-Type", Secret("application/x-www-form-urlencoded")});
  for (auto& [name, value] : encoded.headers) {
    request.headers.push_back({std::move(name), std::move(value)});
  }
  request.body = std::move(encoded.body);
  return request;
}

oauth::TokenType TypeOf(const oauth::DpopKey& key) {
  return key ? oauth::TokenType::kDpop : oauth::TokenType::kBearer;
}

// RFC 6750 section 2.1, RFC 9449 section 7.1.
Secret CredentialsOf(const Secret& access_token, oauth::TokenType type) {
  const std::string_view scheme = oauth::TokenTypeName(type);
  std::string credentials;
  credentials.reserve(scheme.size() + 1 + access_token.size());
  credentials.append(scheme).append(" ").append(access_token.Reveal());
  return Secret::Take(std::move(credentials));
}

// Views into `response`.
oauth::HttpAnswer AnswerOf(const HttpResponse& response) {
  return {.status = response.status,
          .content_type = response.Header("content-type").value_or(""),
          .body = response.body.Reveal(),
          .retry_after = response.Header("retry-after")};
}

// An answer's error. One that says success without being readable leaves open what was done.
absl::Status Answered(absl::Status status, const HttpResponse& response) {
  const bool is_success = response.status >= 200 && response.status < 300;
  return Delivered(std::move(status), is_success ? Delivery::kUnknown : Delivery::kAnswered);
}

bool RejectsAuthentication(const absl::Status& status) {
  if (!HasReason(status, Reason::kProviderRejectedClient)) return false;
  const ErrorMetadata metadata = MetadataOf(status);
  const auto error = metadata.find("error");
  return error != metadata.end() && error->second == "invalid_client";
}

}  // namespace

HttpProvider::HttpProvider(Runtime& runtime, HttpClient& http, const Clock& clock,
                           const telemetry::Log& log, HttpProviderOptions options)
    : clock_(clock),
      options_(std::move(options)),
      http_(std::make_shared<BoundedHttpClient>(http, options_.max_in_flight)),
      channel_(http_, clock,
               {.timeout = options_.request_timeout,
                .limits = {.max_body_bytes = options_.max_response_bytes},
                .tls = options_.tls}),
      dpop_channel_(channel_, clock),
      metadata_(MetadataSource::Create(runtime, http_, clock, log, MetadataOptions(options_))),
      keys_(KeySource::Create(
          runtime, http_, clock, log, [source = metadata_] { return JwksUriOf(source); },
          KeysOptions(options_))) {}

absl::Status HttpProvider::Named(absl::Status status) const {
  return status.ok() ? status : WithMetadata(std::move(status), "provider", options_.name);
}

Task<std::shared_ptr<const oauth::ProviderMetadata>> HttpProvider::Metadata(absl::Time deadline) {
  auto metadata = co_await metadata_->Get(deadline);
  // Whatever became of the discovery request, nothing that the caller has was sent.
  if (!metadata.ok()) co_return Named(Delivered(metadata.status(), Delivery::kNotSent));
  co_return metadata;
}

Task<jose::Jwt> HttpProvider::VerifySignature(Secret token, absl::Time deadline) {
  auto verified = co_await Verify(std::move(token), deadline);
  if (!verified.ok()) co_return Named(verified.status());
  co_return verified;
}

Task<jose::Jwt> HttpProvider::VerifyAuthorizationResponse(Secret response,
                                                          jose::Algorithm algorithm,
                                                          absl::Time deadline) {
  jose::JwsPolicy policy{.algorithms = {algorithm}};
  auto verified = co_await keys_->Verify(std::move(response), std::move(policy), deadline);
  if (!verified.ok()) co_return Named(verified.status());
  co_return verified;
}

Task<jose::Jwt> HttpProvider::Verify(Secret token, absl::Time deadline) {
  CO_ASSIGN_OR_RETURN(const auto metadata, co_await Metadata(deadline));
  jose::JwsPolicy policy;
  CO_ASSIGN_OR_RETURN(policy.algorithms, SigningAlgorithms(options_.signing_algorithms, *metadata));
  co_return co_await keys_->Verify(std::move(token), std::move(policy), deadline);
}

Task<oauth::PushedAuthorization> HttpProvider::PushAuthorizationRequest(
    const Registration& registration, oauth::Parameters parameters, absl::Time deadline) {
  auto pushed = co_await SendPushedRequest(registration, std::move(parameters), deadline);
  if (!pushed.ok()) co_return Named(pushed.status());
  co_return pushed;
}

Task<oauth::PushedAuthorization> HttpProvider::SendPushedRequest(const Registration& registration,
                                                                 oauth::Parameters parameters,
                                                                 absl::Time deadline) {
  CO_ASSIGN_OR_RETURN(const auto metadata, co_await Metadata(deadline));
  if (!metadata->pushed_authorization_request_endpoint) {
    co_return Delivered(Error(Reason::kProviderMisconfigured,
                              {{"member", "pushed_authorization_request_endpoint"}}),
                        Delivery::kNotSent);
  }
  // RFC 9126 section 2: authenticated as at the token endpoint.
  const auto authentications = UsableAuthentications(registration, *metadata);
  if (!authentications.ok()) {
    co_return Delivered(authentications.status(), Delivery::kNotSent);
  }
  absl::Status rejection;
  for (const oauth::ClientAuthentication* authentication : *authentications) {
    HttpRequest request = FormPost(*metadata->pushed_authorization_request_endpoint,
                                   oauth::EncodePushedAuthorizationRequest(
                                       parameters, registration.client_id, *authentication));
    CO_ASSIGN_OR_RETURN(const HttpResponse response,
                        co_await channel_.Exchange(std::move(request), deadline));
    auto pushed = oauth::ParsePushedAuthorization(AnswerOf(response), clock_.Now());
    if (pushed.ok()) co_return pushed;
    rejection = Answered(pushed.status(), response);
    if (!RejectsAuthentication(rejection)) break;
  }
  co_return rejection;
}

Task<oauth::TokenResponse> HttpProvider::RequestToken(const Registration& registration,
                                                      oauth::AuthorizationGrant grant,
                                                      oauth::DpopKey dpop_key,
                                                      absl::Time deadline) {
  auto response =
      co_await SendTokenRequest(registration, std::move(grant), std::move(dpop_key), deadline);
  if (!response.ok()) co_return Named(response.status());
  co_return response;
}

Task<oauth::TokenResponse> HttpProvider::SendTokenRequest(const Registration& registration,
                                                          oauth::AuthorizationGrant grant,
                                                          oauth::DpopKey dpop_key,
                                                          absl::Time deadline) {
  CO_ASSIGN_OR_RETURN(const auto metadata, co_await Metadata(deadline));
  const auto authentications = UsableAuthentications(registration, *metadata);
  if (!authentications.ok()) {
    co_return Delivered(authentications.status(), Delivery::kNotSent);
  }
  absl::Status rejection;
  for (const oauth::ClientAuthentication* authentication : *authentications) {
    const auto make = [&]() -> absl::StatusOr<HttpRequest> {
      return FormPost(metadata->token_endpoint,
                      oauth::EncodeTokenRequest(grant, registration.client_id, *authentication));
    };
    DpopChannel::Request request{.make = make, .key = dpop_key};
    CO_ASSIGN_OR_RETURN(const HttpResponse response,
                        co_await dpop_channel_.Exchange(std::move(request), deadline));
    auto tokens = oauth::ParseTokenResponse(AnswerOf(response), options_.token_response_rules,
                                            clock_.Now(), TypeOf(dpop_key));
    if (tokens.ok()) co_return tokens;
    rejection = Answered(tokens.status(), response);
    // A code is sent once: a provider may take the second use for an attack (RFC 6749 4.1.2).
    if (std::holds_alternative<oauth::AuthorizationCode>(grant)) break;
    if (!RejectsAuthentication(rejection)) break;
  }
  co_return rejection;
}

StatusTask HttpProvider::Revoke(const Registration& registration, Secret token,
                                std::string token_type_hint, absl::Time deadline) {
  co_return Named(co_await SendRevocation(registration, std::move(token),
                                          std::move(token_type_hint), deadline));
}

StatusTask HttpProvider::SendRevocation(const Registration& registration, Secret token,
                                        std::string token_type_hint, absl::Time deadline) {
  CO_ASSIGN_OR_RETURN(const auto metadata, co_await Metadata(deadline));
  if (!metadata->revocation_endpoint) {
    co_return Delivered(Error(Reason::kOperationNotSupported, {{"operation", "revocation"}}),
                        Delivery::kNotSent);
  }
  absl::Status outcome = Error(Reason::kProviderMisconfigured);
  for (const oauth::ClientAuthentication& authentication : registration.authentications) {
    HttpRequest request =
        FormPost(*metadata->revocation_endpoint,
                 oauth::EncodeRevocationRequest(token, token_type_hint, registration.client_id,
                                                authentication));
    CO_ASSIGN_OR_RETURN(const HttpResponse response,
                        co_await channel_.Exchange(std::move(request), deadline));
    outcome = Answered(oauth::CheckEmptyAnswer(AnswerOf(response), clock_.Now()), response);
    if (!RejectsAuthentication(outcome)) break;
  }
  co_return outcome;
}

Task<Json> HttpProvider::FetchUserInfo(Secret access_token, oauth::DpopKey dpop_key,
                                       std::string subject, absl::Time deadline) {
  auto claims = co_await SendUserInfoRequest(std::move(access_token), std::move(dpop_key),
                                             std::move(subject), deadline);
  if (!claims.ok()) co_return Named(claims.status());
  co_return claims;
}

Task<Json> HttpProvider::SendUserInfoRequest(Secret access_token, oauth::DpopKey dpop_key,
                                             std::string subject, absl::Time deadline) {
  CO_ASSIGN_OR_RETURN(const auto metadata, co_await Metadata(deadline));
  if (!metadata->userinfo_endpoint) {
    co_return Delivered(Error(Reason::kOperationNotSupported, {{"operation", "userinfo"}}),
                        Delivery::kNotSent);
  }
  const auto make = [&]() -> absl::StatusOr<HttpRequest> {
    HttpRequest made;
    made.url = *metadata->userinfo_endpoint;
    made.headers.push_back({"Accept", Secret("application/json")});
    made.headers.push_back({"Authorization", CredentialsOf(access_token, TypeOf(dpop_key))});
    return made;
  };
  DpopChannel::Request request{.make = make, .key = dpop_key, .access_token = &access_token};
  CO_ASSIGN_OR_RETURN(const HttpResponse response,
                      co_await dpop_channel_.Exchange(std::move(request), deadline));
  auto claims = oauth::ParseUserInfo(AnswerOf(response), subject, clock_.Now());
  if (!claims.ok()) co_return Answered(claims.status(), response);
  co_return claims;
}

}  // namespace tokenbroker::provider
