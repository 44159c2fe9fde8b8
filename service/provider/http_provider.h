// A provider over HTTP: discovery, keys, and the endpoints that the broker itself calls.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "jose/algorithm.h"
#include "net/http_client.h"
#include "net/runtime.h"
#include "net/tls.h"
#include "oauth/token_response.h"
#include "provider/back_channel.h"
#include "provider/client_channel.h"
#include "provider/dpop_channel.h"
#include "provider/key_source.h"
#include "provider/metadata_source.h"
#include "provider/provider.h"
#include "provider/traffic.h"
#include "telemetry/log.h"

namespace tokenbroker::provider {

struct HttpProviderOptions {
  std::string name;  // as configured; goes into errors as metadata `provider`
  std::string issuer;
  oauth::HttpScheme scheme = oauth::HttpScheme::kHttpsOnly;
  ProviderRules rules;
  oauth::TokenResponseRules token_response_rules;
  // What ID tokens may be signed with. Default: as the metadata says; see SigningAlgorithms.
  std::vector<jose::Algorithm> signing_algorithms;

  // For a provider without discovery.
  std::optional<oauth::ProviderMetadata> fixed_metadata;
  // How long metadata is used without asking again. Default: 1 h.
  absl::Duration metadata_lifetime = absl::Hours(1);
  // How long a key set is, within what its Cache-Control says.
  LifetimeBounds keys_lifetime;
  // How old both may get while the provider fails. Default: 24 h.
  absl::Duration max_stale = absl::Hours(24);
  // Fetches of keys before their time; see KeySourceOptions.
  int forced_fetch_burst = 3;
  absl::Duration forced_fetch_interval = absl::Seconds(30);
  // Hosts that endpoints may move to while the broker runs; see provider/endpoint_hosts.h.
  std::vector<std::string> trusted_hosts;

  // For one request, whatever the caller's deadline. Default: 10 s.
  absl::Duration request_timeout = absl::Seconds(10);
  // See DocumentFetcherOptions.
  absl::Duration retry_pause = absl::Milliseconds(100);
  // A larger response is refused. Default: 1 MiB.
  std::size_t max_response_bytes = 1 << 20;
  // Requests to this provider at a time, documents not counted, and how many more may wait to be;
  // beyond that calls fail with LIMIT_REACHED. Default: 256 and 1024.
  int max_in_flight = 256;
  int max_queued = 1024;
  // How often each endpoint may be asked, and when one that fails is left alone.
  RateOptions rate = {};
  BreakerOptions breaker = {};
  // Where replicas share limits. Borrowed; null: this replica has them for itself.
  limits::LimitStore* limit_store = nullptr;
  TlsClientOptions tls = {};
  AssertionAudience assertion_audience = AssertionAudience::kIssuer;
};

// Thread-safe. Nothing is fetched until the first use, so that a broker starts while its providers
// are down. Besides the errors that Provider lists, every call may fail with LIMIT_REACHED,
// CANCELLED and SHUTTING_DOWN; all errors have metadata `provider`.
//
// All requests but those for documents go through provider/traffic.h.
class HttpProvider final : public Provider {
 public:
  // Borrows all but `options`; tasks borrow this object.
  HttpProvider(Runtime& runtime, HttpClient& http, const Clock& clock, const telemetry::Log& log,
               HttpProviderOptions options);

  const std::string& name() const override { return options_.name; }
  const std::string& issuer() const override { return options_.issuer; }
  const ProviderRules& rules() const override { return options_.rules; }

  Task<std::shared_ptr<const oauth::ProviderMetadata>> Metadata(absl::Time deadline) override;
  // Fetches the metadata ahead of the first use; see MetadataSource::Prefetch.
  asio::awaitable<void> Prefetch() { return metadata_->Prefetch(); }
  Task<jose::Jwt> VerifySignature(const TokenProtection& protection, TokenKind kind, Secret token,
                                  absl::Time deadline) override;
  Task<jose::Jwt> VerifyAuthorizationResponse(Secret response, jose::Algorithm algorithm,
                                              absl::Time deadline) override;

  Task<oauth::PushedAuthorization> PushAuthorizationRequest(const Registration& registration,
                                                            oauth::Parameters parameters,
                                                            absl::Time deadline) override;

  Task<Permit> AdmitTokenRequest(Urgency urgency, absl::Time deadline) override;

  // The next authentication of `registration` is tried only where the provider says
  // `invalid_client`, and never for an authorization code. An answer with status 200 that cannot be
  // read fails with Delivery kUnknown: the provider may have rotated the refresh token.
  Task<oauth::TokenResponse> RequestToken(const Registration& registration,
                                          oauth::AuthorizationGrant grant, oauth::DpopKey dpop_key,
                                          Permit permit, absl::Time deadline) override;

  asio::awaitable<RefreshAnswer> Refresh(const Registration& registration,
                                         oauth::RefreshToken refresh_token, oauth::DpopKey dpop_key,
                                         Permit permit, std::function<bool()> may_leave,
                                         absl::Time deadline) override;

  // Errors: also OPERATION_NOT_SUPPORTED for a type of token that the provider does not revoke.
  StatusTask Revoke(const Registration& registration, Secret token, std::string token_type_hint,
                    absl::Time deadline) override;

  StatusTask ConfirmAccessToken(const Registration& registration, Secret access_token,
                                std::string subject, absl::Time deadline) override;

  Task<Json> FetchUserInfo(const Registration& registration, Secret access_token,
                           oauth::DpopKey dpop_key, std::string subject,
                           absl::Time deadline) override;

  ProviderState state() const override;

 private:
  absl::Status Named(absl::Status status) const;
  // Waits for its turn. Errors are marked as not sent.
  Task<Permit> Admit(Endpoint endpoint, Urgency urgency, absl::Time deadline);
  // Posts a request, in its turn, and tells what came of it. Without a permit it takes one.
  Task<HttpResponse> Post(const Registration& registration,
                          std::shared_ptr<const oauth::ProviderMetadata> metadata,
                          ClientRequest request, Permit permit, absl::Time deadline);
  Task<oauth::TokenResponse> SendTokenRequest(const Registration& registration,
                                              oauth::AuthorizationGrant grant,
                                              oauth::DpopKey dpop_key, Permit permit,
                                              absl::Time deadline);
  // `grant` outlives the task.
  Task<HttpResponse> PostTokenRequest(const Registration& registration,
                                      const oauth::AuthorizationGrant& grant,
                                      oauth::DpopKey dpop_key, Permit permit,
                                      std::function<bool()> may_leave, absl::Time deadline);
  Task<oauth::PushedAuthorization> SendPushedRequest(const Registration& registration,
                                                     oauth::Parameters parameters,
                                                     absl::Time deadline);
  StatusTask SendRevocation(const Registration& registration, Secret token,
                            std::string token_type_hint, absl::Time deadline);
  StatusTask Introspect(const Registration& registration, Secret access_token, std::string subject,
                        absl::Time deadline);
  Task<Json> SendUserInfoRequest(const Registration& registration, Secret access_token,
                                 oauth::DpopKey dpop_key, std::string subject, absl::Time deadline);
  Task<Json> VerifyUserInfo(const Registration& registration, Secret token, std::string subject,
                            absl::Time deadline);
  Task<jose::Jwt> Verify(const TokenProtection& protection, TokenKind kind, Secret token,
                         absl::Time deadline);

  const Clock& clock_;
  const HttpProviderOptions options_;
  const std::shared_ptr<HttpClient> http_;
  const std::shared_ptr<Traffic> traffic_;
  const BackChannel channel_;
  const DpopChannel dpop_channel_;
  const ClientChannel client_channel_;
  const std::shared_ptr<MetadataSource> metadata_;
  const std::shared_ptr<KeySource> keys_;
};

}  // namespace tokenbroker::provider
