#include "provider/http_provider.h"

#include <string_view>
#include <utility>
#include <variant>

#include "base/error.h"
#include "base/status_macros.h"
#include "jose/jws.h"
#include "oauth/introspection.h"
#include "oauth/token_exchange.h"
#include "oauth/userinfo.h"
#include "provider/certificate_binding.h"
#include "provider/delivery.h"
#include "provider/signing_algorithms.h"

namespace tokenbroker::provider {
namespace {

DocumentFetcherOptions FetcherOptions(const HttpProviderOptions& options,
                                      std::string_view endpoint) {
  return {.timeout = options.request_timeout,
          .pause = options.retry_pause,
          .max_bytes = options.max_response_bytes,
          .tls = options.tls,
          .endpoint = endpoint};
}

MetadataSourceOptions MetadataOptions(const HttpProviderOptions& options) {
  return {.issuer = options.issuer,
          .scheme = options.scheme,
          .fixed = options.fixed_metadata,
          .lifetime = options.metadata_lifetime,
          .max_age = options.max_stale,
          .trusted_hosts = options.trusted_hosts,
          .fetch = FetcherOptions(options, "discovery")};
}

KeySourceOptions KeysOptions(const HttpProviderOptions& options) {
  return {.lifetime = options.keys_lifetime,
          .max_age = options.max_stale,
          .forced_fetch_burst = options.forced_fetch_burst,
          .forced_fetch_interval = options.forced_fetch_interval,
          .fetch = FetcherOptions(options, "jwks")};
}

TrafficOptions TrafficOptionsOf(const HttpProviderOptions& options) {
  return {.provider = options.name,
          .max_in_flight = options.max_in_flight,
          .max_queued = options.max_queued,
          .rate = options.rate,
          .breaker = options.breaker};
}

Task<std::string> JwksUriOf(std::shared_ptr<MetadataSource> source) {
  CO_ASSIGN_OR_RETURN(const auto metadata, co_await source->Get(absl::InfiniteFuture()));
  co_return metadata->jwks_uri;
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

// The access token alone proves what may be told, with the certificate that it may be bound to
// (RFC 8705 section 3).
absl::StatusOr<HttpRequest> UserInfoRequest(const oauth::ProviderMetadata& metadata,
                                            const oauth::ClientAuthentication& authentication,
                                            const Secret& access_token, oauth::TokenType type,
                                            std::string_view accepted) {
  ASSIGN_OR_RETURN(const std::string_view url,
                   EndpointUrl(metadata, Endpoint::kUserInfo, authentication));
  HttpRequest request;
  request.url = url;
  request.endpoint = EndpointName(Endpoint::kUserInfo);
  request.headers.push_back({"Accept", Secret(accepted)});
  request.headers.push_back({"Authorization", CredentialsOf(access_token, type)});
  request.tls.client_certificate = CertificateOf(authentication);
  return request;
}

absl::StatusOr<oauth::TokenResponse> ParseTokens(const oauth::AuthorizationGrant& grant,
                                                 const oauth::HttpAnswer& answer,
                                                 const oauth::TokenResponseRules& rules,
                                                 absl::Time now, oauth::TokenType type) {
  const auto* exchange = std::get_if<oauth::TokenExchange>(&grant);
  if (exchange == nullptr) return oauth::ParseTokenResponse(answer, rules, now, type);
  return oauth::ParseTokenExchangeResponse(answer, rules, exchange->requested_token_type, now);
}

std::vector<std::string> AcceptedTypes(TokenKind kind) {
  switch (kind) {
    case TokenKind::kIdToken:
    case TokenKind::kUserInfo:
      return {"jwt"};
    case TokenKind::kLogoutToken:
      return {"logout+jwt", "jwt"};
  }
  return {};
}

}  // namespace

HttpProvider::HttpProvider(Runtime& runtime, HttpClient& http, const Clock& clock,
                           const telemetry::Log& log, HttpProviderOptions options)
    : clock_(clock),
      options_(std::move(options)),
      http_(&http, [](HttpClient*) {}),  // borrowed, as is said
      traffic_(Traffic::Create(runtime, clock, options_.limit_store, TrafficOptionsOf(options_))),
      channel_(http_, clock,
               {.timeout = options_.request_timeout,
                .limits = {.max_body_bytes = options_.max_response_bytes},
                .tls = options_.tls}),
      dpop_channel_(channel_, clock),
      client_channel_(dpop_channel_, clock, options_.assertion_audience),
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

Task<jose::Jwt> HttpProvider::VerifySignature(const TokenProtection& protection, TokenKind kind,
                                              Secret token, absl::Time deadline) {
  auto verified = co_await Verify(protection, kind, std::move(token), deadline);
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

Task<jose::Jwt> HttpProvider::Verify(const TokenProtection& protection, TokenKind kind,
                                     Secret token, absl::Time deadline) {
  jose::JwsPolicy policy{.accepted_types = AcceptedTypes(kind)};
  if (protection.algorithm) policy.algorithms = {*protection.algorithm};
  if (protection.algorithm && jose::IsHmac(*protection.algorithm)) {
    co_return VerifyWithSharedSecrets(token, protection.shared_secrets, policy);
  }
  CO_ASSIGN_OR_RETURN(const auto metadata, co_await Metadata(deadline));
  if (!protection.algorithm) {
    CO_ASSIGN_OR_RETURN(policy.algorithms,
                        SigningAlgorithms(options_.signing_algorithms, *metadata));
  }
  auto verified = co_await keys_->Verify(std::move(token), std::move(policy), deadline);
  if (!verified.ok()) co_return verified.status();
  CO_RETURN_IF_ERROR(CheckProfile(*verified, protection));
  co_return verified;
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
  const auto make_form = [&](const oauth::ClientAuthentication& authentication) {
    return oauth::PushedAuthorizationForm(parameters, registration.client_id, authentication);
  };
  ClientRequest request{.endpoint = Endpoint::kPushedAuthorizationRequest, .make_form = make_form};
  CO_ASSIGN_OR_RETURN(
      const HttpResponse response,
      co_await Post(registration, metadata, std::move(request), Permit(), deadline));
  auto pushed = oauth::ParsePushedAuthorization(AnswerOf(response), clock_.Now());
  if (!pushed.ok()) co_return DeliveredBy(AnswerOf(response), pushed.status(), clock_.Now());
  co_return pushed;
}

Task<Permit> HttpProvider::Admit(Endpoint endpoint, Urgency urgency, absl::Time deadline) {
  auto permit = co_await traffic_->Admit(endpoint, std::move(urgency), deadline);
  if (!permit.ok()) co_return Delivered(permit.status(), Delivery::kNotSent);
  co_return permit;
}

Task<Permit> HttpProvider::AdmitTokenRequest(Urgency urgency, absl::Time deadline) {
  auto permit = co_await Admit(Endpoint::kToken, std::move(urgency), deadline);
  if (!permit.ok()) co_return Named(permit.status());
  co_return permit;
}

Task<HttpResponse> HttpProvider::Post(const Registration& registration,
                                      std::shared_ptr<const oauth::ProviderMetadata> metadata,
                                      ClientRequest request, Permit permit, absl::Time deadline) {
  if (!permit) {
    Urgency urgency(Priority::kCaller);
    CO_ASSIGN_OR_RETURN(permit, co_await Admit(request.endpoint, std::move(urgency), deadline));
  }
  auto response = co_await client_channel_.Post(registration, std::move(metadata),
                                                std::move(request), deadline);
  permit->Answered(response);
  co_return response;
}

ProviderState HttpProvider::state() const {
  ProviderState state;
  traffic_->Describe(state);
  state.metadata = metadata_->state();
  state.keys = keys_->state();
  state.key_ids = keys_->key_ids();
  return state;
}

Task<oauth::TokenResponse> HttpProvider::RequestToken(const Registration& registration,
                                                      oauth::AuthorizationGrant grant,
                                                      oauth::DpopKey dpop_key, Permit permit,
                                                      absl::Time deadline) {
  auto response = co_await SendTokenRequest(registration, std::move(grant), std::move(dpop_key),
                                            std::move(permit), deadline);
  if (!response.ok()) co_return Named(response.status());
  co_return response;
}

Task<oauth::TokenResponse> HttpProvider::SendTokenRequest(const Registration& registration,
                                                          oauth::AuthorizationGrant grant,
                                                          oauth::DpopKey dpop_key, Permit permit,
                                                          absl::Time deadline) {
  const oauth::TokenType type = TypeOf(dpop_key);
  CO_ASSIGN_OR_RETURN(
      const HttpResponse response,
      co_await PostTokenRequest(registration, grant, dpop_key, std::move(permit), {}, deadline));
  auto tokens =
      ParseTokens(grant, AnswerOf(response), options_.token_response_rules, clock_.Now(), type);
  if (!tokens.ok()) {
    co_return DeliveredBy(AnswerOf(response), tokens.status(), clock_.Now());
  }
  co_return tokens;
}

Task<HttpResponse> HttpProvider::PostTokenRequest(const Registration& registration,
                                                  const oauth::AuthorizationGrant& grant,
                                                  oauth::DpopKey dpop_key, Permit permit,
                                                  std::function<bool()> may_leave,
                                                  absl::Time deadline) {
  CO_ASSIGN_OR_RETURN(const auto metadata, co_await Metadata(deadline));
  // A code is sent once: a provider may take the second use for an attack (RFC 6749 4.1.2).
  const bool is_code = std::holds_alternative<oauth::AuthorizationCode>(grant);
  ClientRequest request{
      .endpoint = Endpoint::kToken,
      .make_form = [&grant](const auto&) { return oauth::TokenRequestForm(grant); },
      .attempts = is_code ? Attempts::kOne : Attempts::kEachAuthentication,
      .dpop_key = std::move(dpop_key),
      .may_leave = std::move(may_leave)};
  co_return co_await Post(registration, metadata, std::move(request), std::move(permit), deadline);
}

asio::awaitable<RefreshAnswer> HttpProvider::Refresh(const Registration& registration,
                                                     oauth::RefreshToken refresh_token,
                                                     oauth::DpopKey dpop_key, Permit permit,
                                                     std::function<bool()> may_leave,
                                                     absl::Time deadline) {
  const oauth::TokenType type = TypeOf(dpop_key);
  RefreshAnswer answer;
  const oauth::AuthorizationGrant grant = std::move(refresh_token);
  const absl::StatusOr<HttpResponse> response = co_await PostTokenRequest(
      registration, grant, std::move(dpop_key), std::move(permit), std::move(may_leave), deadline);
  if (!response.ok()) {
    answer.tokens = Named(response.status());
    co_return answer;
  }
  const oauth::HttpAnswer read = AnswerOf(*response);
  answer.tokens =
      oauth::ParseTokenResponse(read, options_.token_response_rules, clock_.Now(), type);
  if (answer.tokens.ok()) co_return answer;
  answer.tokens = Named(DeliveredBy(read, answer.tokens.status(), clock_.Now()));
  answer.rotated = oauth::SalvageRefreshToken(read);
  co_return answer;
}

StatusTask HttpProvider::Revoke(const Registration& registration, Secret token,
                                std::string token_type_hint, absl::Time deadline) {
  co_return Named(co_await SendRevocation(registration, std::move(token),
                                          std::move(token_type_hint), deadline));
}

StatusTask HttpProvider::SendRevocation(const Registration& registration, Secret token,
                                        std::string token_type_hint, absl::Time deadline) {
  CO_ASSIGN_OR_RETURN(const auto metadata, co_await Metadata(deadline));
  const auto make_form = [&token, &token_type_hint](const oauth::ClientAuthentication&) {
    return oauth::RevocationRequestForm(token, token_type_hint);
  };
  ClientRequest request{.endpoint = Endpoint::kRevocation, .make_form = make_form};
  CO_ASSIGN_OR_RETURN(
      const HttpResponse response,
      co_await Post(registration, metadata, std::move(request), Permit(), deadline));
  const oauth::HttpAnswer answer = AnswerOf(response);
  const absl::Time now = clock_.Now();
  co_return DeliveredBy(answer, oauth::CheckEmptyAnswer(answer, now), now);
}

StatusTask HttpProvider::ConfirmAccessToken(const Registration& registration, Secret access_token,
                                            std::string subject, absl::Time deadline) {
  co_return Named(
      co_await Introspect(registration, std::move(access_token), std::move(subject), deadline));
}

StatusTask HttpProvider::Introspect(const Registration& registration, Secret access_token,
                                    std::string subject, absl::Time deadline) {
  CO_ASSIGN_OR_RETURN(const auto metadata, co_await Metadata(deadline));
  ClientRequest request{.endpoint = Endpoint::kIntrospection,
                        .make_form = [&access_token](const auto&) {
                          return oauth::IntrospectionRequestForm(access_token);
                        }};
  CO_ASSIGN_OR_RETURN(
      const HttpResponse response,
      co_await Post(registration, metadata, std::move(request), Permit(), deadline));
  oauth::ExpectedToken expected{.issuer = options_.issuer,
                                .client_id = registration.client_id,
                                .subject = std::move(subject)};
  if (registration.certificate_bound_access_tokens) {
    CO_ASSIGN_OR_RETURN(expected.certificates, CertificateThumbprints(registration));
  }
  const oauth::HttpAnswer answer = AnswerOf(response);
  const absl::Time now = clock_.Now();
  co_return DeliveredBy(answer, oauth::CheckIntrospection(answer, expected, now), now);
}

Task<Json> HttpProvider::FetchUserInfo(const Registration& registration, Secret access_token,
                                       oauth::DpopKey dpop_key, std::string subject,
                                       absl::Time deadline) {
  auto claims = co_await SendUserInfoRequest(registration, std::move(access_token),
                                             std::move(dpop_key), std::move(subject), deadline);
  if (!claims.ok()) co_return Named(claims.status());
  co_return claims;
}

Task<Json> HttpProvider::SendUserInfoRequest(const Registration& registration, Secret access_token,
                                             oauth::DpopKey dpop_key, std::string subject,
                                             absl::Time deadline) {
  CO_ASSIGN_OR_RETURN(const auto metadata, co_await Metadata(deadline));
  const std::string_view accepted = registration.user_info ? "application/jwt" : "application/json";
  Urgency urgency(Priority::kCaller);
  CO_ASSIGN_OR_RETURN(const Permit permit,
                      co_await Admit(Endpoint::kUserInfo, std::move(urgency), deadline));
  absl::StatusOr<HttpResponse> response = Error(Reason::kInternal);
  for (const oauth::ClientAuthentication& authentication : registration.authentications) {
    const auto make = [&] {
      return UserInfoRequest(*metadata, authentication, access_token, TypeOf(dpop_key), accepted);
    };
    DpopChannel::Request request{.make = make, .key = dpop_key, .access_token = &access_token};
    response = co_await dpop_channel_.Exchange(std::move(request), deadline);
    // A token that is bound to another of the client's certificates is refused with this one.
    if (!response.ok() || response->status != 401 || !CertificateOf(authentication)) break;
  }
  permit->Answered(response);
  if (!response.ok()) co_return response.status();
  if (registration.user_info) {
    auto token = oauth::ReadUserInfoJwt(AnswerOf(*response), clock_.Now());
    if (!token.ok()) co_return DeliveredBy(AnswerOf(*response), token.status(), clock_.Now());
    co_return co_await VerifyUserInfo(registration, *std::move(token), std::move(subject),
                                      deadline);
  }
  auto claims = oauth::ParseUserInfo(AnswerOf(*response), subject, clock_.Now());
  if (!claims.ok()) co_return DeliveredBy(AnswerOf(*response), claims.status(), clock_.Now());
  co_return claims;
}

Task<Json> HttpProvider::VerifyUserInfo(const Registration& registration, Secret token,
                                        std::string subject, absl::Time deadline) {
  const TokenProtection& protection = *registration.user_info;
  CO_ASSIGN_OR_RETURN(Secret signed_token, Decrypt(std::move(token), protection));
  CO_ASSIGN_OR_RETURN(const jose::Jwt jwt, co_await Verify(protection, TokenKind::kUserInfo,
                                                           std::move(signed_token), deadline));
  CO_ASSIGN_OR_RETURN(Json claims, jose::ParseClaims(jwt));
  CO_RETURN_IF_ERROR(oauth::CheckSignedUserInfo(claims,
                                                {.issuer = options_.issuer,
                                                 .client_id = registration.client_id,
                                                 .subject = std::move(subject),
                                                 .clock_skew = options_.rules.clock_skew},
                                                clock_.Now()));
  co_return claims;
}

}  // namespace tokenbroker::provider
