#include "rpc/token_broker_service.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/synchronization/notification.h"
#include "asio/cancellation_type.hpp"
#include "asio/this_coro.hpp"
#include "base/clock.h"
#include "base/error.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "net/wake_up.h"
#include "rpc/server.h"
#include "support/grpc_server.h"
#include "support/signing_key.h"
#include "support/status_matchers.h"
#include "support/temp_dir.h"
#include "support/test_certificates.h"

namespace tokenbroker::rpc {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kToken[] = "access-token-of-alice";
constexpr char kIssuer[] = "https://kubernetes.default.svc";
const absl::Time kExpiry = absl::FromUnixSeconds(1767229200);

broker::TokenSnapshot MakeSnapshot(std::string grant_id) {
  auto token = std::make_shared<broker::CachedToken>();
  token->grant_id = std::move(grant_id);
  token->owner = "shop";
  token->client = "web";
  token->value = Secret(kToken);
  token->token_type = "Bearer";
  token->expires_at = kExpiry;
  token->scopes = {"openid", "orders:read"};
  token->generation = 7;
  return token;
}

grants::Grant MakeGrant(std::string id) {
  grants::Grant grant;
  grant.id = std::move(id);
  grant.client = "web";
  grant.id_token.issuer = "https://op.example";
  grant.id_token.subject = "alice";
  grant.scopes = {"orders:read", "openid"};
  grant.created_at = kExpiry - absl::Hours(1);
  grant.refresh_token = Secret("refresh-token-of-alice");
  grant.generation = 7;
  return grant;
}

// Gives some tokens and then ends, or waits to be cancelled where it is not told how.
class ScriptedWatch final : public broker::TokenWatch {
 public:
  ScriptedWatch(std::vector<std::string> tokens, std::optional<absl::Status> end,
                absl::Notification& gone)
      : tokens_(std::move(tokens)), end_(std::move(end)), gone_(gone) {}
  ~ScriptedWatch() override { gone_.Notify(); }

  Task<broker::TokenSnapshot> Next(Admission admission) override {
    if (next_ < tokens_.size()) {
      CO_RETURN_IF_ERROR((co_await admission()).status());
      co_return MakeSnapshot(tokens_[next_++]);
    }
    if (end_) co_return *end_;
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return Error(Reason::kCancelled);
    WakeUp never(co_await asio::this_coro::executor);
    co_await never.Wait();
    co_return Error(Reason::kCancelled);
  }

 private:
  const std::vector<std::string> tokens_;
  const std::optional<absl::Status> end_;
  absl::Notification& gone_;
  std::size_t next_ = 0;
};

// Answers from a script, and remembers what it was asked.
class FakeUseCases final : public broker::UseCases {
 public:
  Task<broker::AuthorizationUrl> CreateAuthorizationUrl(const broker::Asker& asker,
                                                        broker::AuthorizationWish wish,
                                                        absl::Time) override {
    asker_name = asker.name;
    last_wish = std::move(wish);
    if (!failure.ok()) co_return failure;
    co_return broker::AuthorizationUrl{.url = "https://op.example/authorize?state=s",
                                       .state = Secret("s"),
                                       .browser_binding = Secret("b"),
                                       .expires_at = kExpiry};
  }
  Task<broker::CallbackAnswer> SubmitCallback(const broker::Asker&,
                                              broker::SubmittedCallback callback,
                                              absl::Time) override {
    last_callback = std::move(callback);
    if (!failure.ok()) co_return failure;
    broker::CallbackAnswer answer;
    answer.grant = MakeGrant("grant-1");
    answer.id_token_claims = Secret(R"({"sub":"alice","groups":["a",{"deep":null}],"age":42})");
    answer.caller_context = Secret(std::string("\x00\x01", 2));
    co_return answer;
  }
  broker::TokenSnapshot FindAccessToken(const broker::Asker&,
                                        const broker::AccessTokenQuery& query) override {
    const auto* by_grant = std::get_if<broker::ByGrantId>(&query.selector);
    return by_grant != nullptr && by_grant->grant_id == "cached" ? MakeSnapshot("cached") : nullptr;
  }
  Task<broker::TokenSnapshot> GetAccessToken(const broker::Asker&, broker::AccessTokenQuery query,
                                             absl::Time) override {
    last_query.emplace(std::move(query));
    if (!failure.ok()) co_return failure;
    co_return MakeSnapshot("fetched");
  }
  Task<std::unique_ptr<broker::TokenWatch>> WatchAccessToken(const broker::Asker&,
                                                             broker::AccessTokenQuery query,
                                                             absl::Time) override {
    last_query.emplace(std::move(query));
    if (!failure.ok()) co_return failure;
    std::unique_ptr<broker::TokenWatch> watch =
        std::make_unique<ScriptedWatch>(watched, end_of_watch, watch_gone);
    co_return watch;
  }
  absl::StatusOr<Secret> ProvePossession(const broker::CachedToken&,
                                         const oauth::DpopTarget& target) override {
    return Secret("proof of " + target.http_method + " " + target.http_uri + " " + target.nonce);
  }
  Task<grants::Grant> GetGrant(const broker::Asker&, std::string grant_id) override {
    if (!failure.ok()) co_return failure;
    co_return MakeGrant(std::move(grant_id));
  }
  Task<grants::GrantPage> ListGrants(const broker::Asker&, grants::GrantFilter filter,
                                     std::size_t page_size, std::string page_token) override {
    last_filter = std::move(filter);
    last_page_size = page_size;
    last_page_token = std::move(page_token);
    if (!failure.ok()) co_return failure;
    grants::GrantPage page;
    page.grants.push_back(MakeGrant("grant-1"));
    page.grants.push_back(MakeGrant("grant-2"));
    page.next_page_token = "next";
    co_return page;
  }
  Task<broker::RevokedGrant> RevokeGrant(const broker::Asker&, std::string grant_id,
                                         absl::Time) override {
    if (!failure.ok()) co_return failure;
    co_return broker::RevokedGrant{.grant = MakeGrant(std::move(grant_id)), .at_provider = true};
  }
  Task<Json> GetUserInfo(const broker::Asker&, std::string, absl::Time) override {
    if (!failure.ok()) co_return failure;
    const Json claims = {{"sub", "alice"}};
    co_return claims;
  }
  Task<broker::ExchangedToken> ExchangeToken(const broker::Asker&, broker::ExchangeWish wish,
                                             absl::Time) override {
    last_exchange_wish = std::move(wish);
    if (!failure.ok()) co_return failure;
    co_return broker::ExchangedToken{.value = Secret(kToken),
                                     .token_type = "N_A",
                                     .issued_token_type = "urn:ietf:params:oauth:token-type:jwt",
                                     .expires_at = kExpiry,
                                     .scopes = {"orders:read"}};
  }
  Task<Secret> CreateLogoutUrl(const broker::Asker&, broker::LogoutWish wish, absl::Time) override {
    last_logout_wish = std::move(wish);
    if (!failure.ok()) co_return failure;
    co_return Secret("https://op.example/logout?client_id=web");
  }
  Task<int> SubmitLogoutToken(const broker::Asker&, broker::SubmittedLogoutToken submitted,
                              absl::Time) override {
    last_logout_token = std::move(submitted);
    if (!failure.ok()) co_return failure;
    co_return 3;
  }
  StatusTask CheckStore() override { co_return absl::OkStatus(); }

  absl::Status failure;
  std::vector<std::string> watched;  // the grant ids of the tokens that a watch gives
  std::optional<absl::Status> end_of_watch;
  absl::Notification watch_gone;
  std::string asker_name;
  broker::AuthorizationWish last_wish;
  broker::SubmittedCallback last_callback;
  std::optional<broker::AccessTokenQuery> last_query;
  broker::ExchangeWish last_exchange_wish;
  broker::LogoutWish last_logout_wish;
  broker::SubmittedLogoutToken last_logout_token;
  grants::GrantFilter last_filter;
  std::size_t last_page_size = 0;
  std::string last_page_token;
};

class StringSink final : public telemetry::LineSink {
 public:
  void Write(std::string_view lines) override {
    const MutexLock lock(mutex_);
    text_ += lines;
  }
  std::string text() {
    const MutexLock lock(mutex_);
    return text_;
  }

 private:
  Mutex mutex_;
  std::string text_ ABSL_GUARDED_BY(mutex_);
};

class TokenBrokerServiceTest : public ::testing::Test {
 protected:
  void SetUp() override { Start({.listen = testing::UnixSocketAddress()}, "shop"); }

  // What the certificate, the token or nothing at all of a caller amounts to is the same.
  void Start(ServerOptions options, std::optional<std::string> anonymous_caller) {
    server_.reset();
    log_.emplace(sink_, telemetry::RequestLog::Options{});
    std::vector<callers::Caller> all;
    all.push_back({.name = "shop",
                   .identities = {callers::SpiffeId{"spiffe://example.com/shop"},
                                  callers::JwtSubject{kIssuer, "shop"}},
                   .rpcs = {"*"}});
    all.push_back({.name = "reader",
                   .identities = {callers::DnsName{"reader.example"}},
                   .rpcs = {"GetGrant"}});
    ASSERT_OK_AND_ASSIGN(auto policy, callers::Policy::Create(std::move(all)));
    callers::Authenticator::Options authentication{.anonymous_caller = std::move(anonymous_caller)};
    ASSERT_OK_AND_ASSIGN(auto keys,
                         callers::FileIssuerKeys::Create(
                             files_.Write("jwks.json", testing::JwkSetText({key_.Jwk()})), clock_));
    authentication.issuers.push_back({.issuer = kIssuer,
                                      .audience = "token-broker",
                                      .algorithms = {jose::Algorithm::kES256},
                                      .keys = std::move(keys)});
    ASSERT_OK_AND_ASSIGN(authenticator_, callers::Authenticator::Create(
                                             std::move(policy), std::move(authentication), clock_));
    const auto certificates =
        options.identity ? Gate::Certificates::kLookedAt : Gate::Certificates::kNone;
    gate_.emplace(authenticator_, certificates, *log_, metrics_, clock_);
    service_ = std::make_unique<TokenBrokerService>(use_cases_, *gate_);
    ASSERT_OK_AND_ASSIGN(server_,
                         Server::Start(options, {service_.get()}, workers_.executor(), clock_));
    Connect(grpc::InsecureChannelCredentials());
  }

  void Connect(const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("broker.example");
    // Not shared with a channel of other credentials to the same address.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stub_ = v1::TokenBroker::NewStub(
        grpc::CreateCustomChannel(server_->address(), credentials, arguments));
  }

  template <typename Request, typename Response>
  grpc::Status Call(grpc::Status (v1::TokenBroker::Stub::*method)(grpc::ClientContext*,
                                                                  const Request&, Response*),
                    const Request& request, Response& response, const std::string& bearer = "") {
    grpc::ClientContext context;
    if (!bearer.empty()) context.AddMetadata("authorization", "Bearer " + bearer);
    return (stub_.get()->*method)(&context, request, &response);
  }

  grpc::Status GetGrant(const std::string& bearer = "") {
    v1::GetGrantRequest request;
    request.set_grant_id("grant-1");
    v1::GetGrantResponse response;
    return Call(&v1::TokenBroker::Stub::GetGrant, request, response, bearer);
  }

  std::string LogText() {
    log_->Flush();
    return sink_.text();
  }

  std::string SignedToken() const {
    return key_.Sign({{"iss", kIssuer},
                      {"aud", "token-broker"},
                      {"sub", "shop"},
                      {"exp", absl::ToUnixSeconds(clock_.Now()) + 600}});
  }

  testing::Workers workers_;
  SystemClock clock_;
  testing::TempDir files_;
  const testing::SigningKey key_ = testing::SigningKey::Shared(jose::Algorithm::kES256, "1");
  StringSink sink_;
  std::optional<telemetry::RequestLog> log_;
  FakeUseCases use_cases_;
  std::shared_ptr<callers::Authenticator> authenticator_;
  telemetry::RpcMetrics metrics_{{"GetAccessToken"}};
  std::optional<Gate> gate_;
  std::unique_ptr<TokenBrokerService> service_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::TokenBroker::Stub> stub_;
};

TEST_F(TokenBrokerServiceTest, GivesACachedTokenWithoutAskingForAFreshOne) {
  v1::GetAccessTokenRequest request;
  request.set_grant_id("cached");
  v1::GetAccessTokenResponse response;
  ASSERT_TRUE(Call(&v1::TokenBroker::Stub::GetAccessToken, request, response).ok());
  EXPECT_EQ(response.access_token(), kToken);
  EXPECT_EQ(response.token_type(), "Bearer");
  EXPECT_EQ(response.expires_at().seconds(), absl::ToUnixSeconds(kExpiry));
  EXPECT_THAT(response.scopes(), ElementsAre("openid", "orders:read"));
  EXPECT_EQ(response.generation(), 7);
  EXPECT_FALSE(use_cases_.last_query.has_value());
}

TEST_F(TokenBrokerServiceTest, AsksForAFreshTokenWhereNoneIsCached) {
  v1::GetAccessTokenRequest request;
  request.mutable_subject_grant()->set_client("web");
  request.mutable_subject_grant()->set_subject("alice");
  request.add_scopes("orders:read");
  request.set_audience("https://api.example");
  request.mutable_min_remaining_lifetime()->set_seconds(90);
  request.set_rejected_access_token("old");
  v1::GetAccessTokenResponse response;
  ASSERT_TRUE(Call(&v1::TokenBroker::Stub::GetAccessToken, request, response).ok());
  EXPECT_EQ(response.access_token(), kToken);
  ASSERT_TRUE(use_cases_.last_query.has_value());
  const auto& query = *use_cases_.last_query;
  EXPECT_EQ(std::get<broker::BySubject>(query.selector).subject, "alice");
  EXPECT_THAT(query.scopes, ElementsAre("orders:read"));
  EXPECT_EQ(query.audience, "https://api.example");
  EXPECT_EQ(query.min_remaining_lifetime, absl::Seconds(90));
  EXPECT_EQ(query.rejected_access_token.Reveal(), "old");
}

TEST_F(TokenBrokerServiceTest, NamesTheFieldThatIsAtFault) {
  v1::GetAccessTokenRequest request;
  v1::GetAccessTokenResponse response;
  grpc::Status status = Call(&v1::TokenBroker::Stub::GetAccessToken, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("selector"));

  request.set_grant_id("cached");
  request.mutable_min_remaining_lifetime()->set_seconds(-1);
  status = Call(&v1::TokenBroker::Stub::GetAccessToken, request, response);
  EXPECT_EQ(testing::ReasonIn(status), "INVALID_REQUEST");
  EXPECT_THAT(status.error_message(), HasSubstr("min_remaining_lifetime"));
}

TEST_F(TokenBrokerServiceTest, ProvesPossessionOfACachedTokensKeyWithoutAskingForAFreshOne) {
  v1::GetAccessTokenRequest request;
  request.set_grant_id("cached");
  request.mutable_dpop_proof_for()->set_http_method("GET");
  request.mutable_dpop_proof_for()->set_http_uri("https://api.example/orders");
  request.mutable_dpop_proof_for()->set_nonce("n-1");
  v1::GetAccessTokenResponse response;
  ASSERT_TRUE(Call(&v1::TokenBroker::Stub::GetAccessToken, request, response).ok());
  EXPECT_EQ(response.access_token(), kToken);
  EXPECT_EQ(response.dpop_proof(), "proof of GET https://api.example/orders n-1");
  EXPECT_FALSE(use_cases_.last_query.has_value());

  request.set_grant_id("grant-1");
  ASSERT_TRUE(Call(&v1::TokenBroker::Stub::GetAccessToken, request, response).ok());
  EXPECT_THAT(response.dpop_proof(), HasSubstr("proof of GET"));
  EXPECT_TRUE(use_cases_.last_query.has_value());
}

TEST_F(TokenBrokerServiceTest, ProvesNothingThatIsNoRequest) {
  v1::GetAccessTokenRequest request;
  request.set_grant_id("fetched");
  request.mutable_dpop_proof_for()->set_http_method("GET");
  request.mutable_dpop_proof_for()->set_http_uri("https://api.example/orders?id=1");
  v1::GetAccessTokenResponse response;
  const grpc::Status status = Call(&v1::TokenBroker::Stub::GetAccessToken, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("dpop_proof_for.http_uri"));
  EXPECT_FALSE(use_cases_.last_query.has_value());
}

TEST_F(TokenBrokerServiceTest, BeginsASignIn) {
  v1::CreateAuthorizationUrlRequest request;
  request.set_client("web");
  request.set_redirect_uri("https://shop.example/callback");
  request.set_response_type("code id_token");
  request.add_scopes("openid");
  request.mutable_max_age()->set_seconds(0);
  (*request.mutable_extra_parameters())["theme"] = "dark";
  v1::CreateAuthorizationUrlResponse response;
  ASSERT_TRUE(Call(&v1::TokenBroker::Stub::CreateAuthorizationUrl, request, response).ok());
  EXPECT_EQ(response.authorization_url(), "https://op.example/authorize?state=s");
  EXPECT_EQ(response.state(), "s");
  EXPECT_EQ(response.browser_binding(), "b");
  EXPECT_EQ(use_cases_.asker_name, "shop");
  EXPECT_EQ(use_cases_.last_wish.response_type, "code id_token");
  EXPECT_EQ(use_cases_.last_wish.max_age, absl::ZeroDuration());
  EXPECT_EQ(use_cases_.last_wish.extra_parameters.at("theme"), "dark");
}

TEST_F(TokenBrokerServiceTest, EndsASignInWithClaimsAsTheyAre) {
  v1::SubmitCallbackRequest request;
  request.set_form_body("code=c&state=s");
  request.set_browser_binding("b");
  v1::SubmitCallbackResponse response;
  ASSERT_TRUE(Call(&v1::TokenBroker::Stub::SubmitCallback, request, response).ok());
  EXPECT_EQ(use_cases_.last_callback.kind, broker::SubmittedCallback::Kind::kFormBody);
  EXPECT_EQ(use_cases_.last_callback.content.Reveal(), "code=c&state=s");
  EXPECT_EQ(response.grant().grant_id(), "grant-1");
  EXPECT_EQ(response.caller_context(), std::string("\x00\x01", 2));
  EXPECT_FALSE(response.has_grant() && response.front_channel_access_token() != "");
  const auto& claims = response.id_token_claims().fields();
  EXPECT_EQ(claims.at("sub").string_value(), "alice");
  EXPECT_EQ(claims.at("age").number_value(), 42);
  EXPECT_EQ(claims.at("groups").list_value().values(0).string_value(), "a");
  EXPECT_TRUE(claims.at("groups")
                  .list_value()
                  .values(1)
                  .struct_value()
                  .fields()
                  .at("deep")
                  .has_null_value());
}

TEST_F(TokenBrokerServiceTest, WantsACallback) {
  v1::SubmitCallbackRequest request;
  v1::SubmitCallbackResponse response;
  EXPECT_EQ(testing::ReasonIn(Call(&v1::TokenBroker::Stub::SubmitCallback, request, response)),
            "INVALID_REQUEST");
}

TEST_F(TokenBrokerServiceTest, DescribesAGrantWithoutItsTokens) {
  v1::GetGrantRequest request;
  request.set_grant_id("grant-1");
  v1::GetGrantResponse response;
  ASSERT_TRUE(Call(&v1::TokenBroker::Stub::GetGrant, request, response).ok());
  EXPECT_EQ(response.grant().subject(), "alice");
  EXPECT_EQ(response.grant().issuer(), "https://op.example");
  EXPECT_TRUE(response.grant().refreshable());
  EXPECT_EQ(response.grant().state(), v1::GRANT_STATE_ACTIVE);
  EXPECT_FALSE(response.grant().has_last_refreshed_at());
  EXPECT_THAT(response.SerializeAsString(), Not(HasSubstr("refresh-token-of-alice")));
}

TEST_F(TokenBrokerServiceTest, ListsByPages) {
  v1::ListGrantsRequest request;
  request.set_client("web");
  request.set_state(v1::GRANT_STATE_REVOKED);
  request.set_page_size(5000);
  request.set_page_token("token");
  v1::ListGrantsResponse response;
  ASSERT_TRUE(Call(&v1::TokenBroker::Stub::ListGrants, request, response).ok());
  EXPECT_EQ(response.grants_size(), 2);
  EXPECT_EQ(response.next_page_token(), "next");
  EXPECT_EQ(use_cases_.last_filter.client, "web");
  EXPECT_EQ(use_cases_.last_filter.subject, std::nullopt);
  EXPECT_EQ(use_cases_.last_filter.state, grants::GrantState::kRevoked);
  EXPECT_EQ(use_cases_.last_page_size, 5000);
  EXPECT_EQ(use_cases_.last_page_token, "token");
  request.set_page_size(0);
  ASSERT_TRUE(Call(&v1::TokenBroker::Stub::ListGrants, request, response).ok());
  EXPECT_EQ(use_cases_.last_page_size, 0);
  request.set_page_size(-1);
  EXPECT_EQ(testing::ReasonIn(Call(&v1::TokenBroker::Stub::ListGrants, request, response)),
            "INVALID_REQUEST");
}

TEST_F(TokenBrokerServiceTest, TellsWhetherTheProviderRevoked) {
  v1::RevokeGrantRequest request;
  request.set_grant_id("grant-1");
  v1::RevokeGrantResponse response;
  ASSERT_TRUE(Call(&v1::TokenBroker::Stub::RevokeGrant, request, response).ok());
  EXPECT_TRUE(response.revoked_at_provider());
}

TEST_F(TokenBrokerServiceTest, ReturnsUserInfo) {
  v1::GetUserInfoRequest request;
  request.set_grant_id("grant-1");
  v1::GetUserInfoResponse response;
  ASSERT_TRUE(Call(&v1::TokenBroker::Stub::GetUserInfo, request, response).ok());
  EXPECT_EQ(response.claims().fields().at("sub").string_value(), "alice");
}

TEST_F(TokenBrokerServiceTest, ExchangesATokenForAnother) {
  v1::ExchangeTokenRequest request;
  request.set_client("web");
  request.set_subject_token("subject-token");
  request.set_subject_token_type("urn:ietf:params:oauth:token-type:access_token");
  request.set_actor_token("actor-token");
  request.set_actor_token_type("urn:ietf:params:oauth:token-type:jwt");
  request.set_requested_token_type("urn:ietf:params:oauth:token-type:jwt");
  request.set_audience("https://api.example");
  request.add_resources("https://api.example/orders");
  request.add_scopes("orders:read");
  v1::ExchangeTokenResponse response;
  ASSERT_TRUE(Call(&v1::TokenBroker::Stub::ExchangeToken, request, response).ok());
  const broker::ExchangeWish& wish = use_cases_.last_exchange_wish;
  EXPECT_EQ(wish.client, "web");
  EXPECT_EQ(wish.subject_token.Reveal(), "subject-token");
  EXPECT_EQ(wish.subject_token_type, "urn:ietf:params:oauth:token-type:access_token");
  EXPECT_EQ(wish.actor_token.Reveal(), "actor-token");
  EXPECT_EQ(wish.actor_token_type, "urn:ietf:params:oauth:token-type:jwt");
  EXPECT_EQ(wish.requested_token_type, "urn:ietf:params:oauth:token-type:jwt");
  EXPECT_EQ(wish.audience, "https://api.example");
  EXPECT_THAT(wish.resources, ElementsAre("https://api.example/orders"));
  EXPECT_THAT(wish.scopes, ElementsAre("orders:read"));
  EXPECT_EQ(response.access_token(), kToken);
  EXPECT_EQ(response.token_type(), "N_A");
  EXPECT_EQ(response.issued_token_type(), "urn:ietf:params:oauth:token-type:jwt");
  EXPECT_EQ(response.expires_at().seconds(), absl::ToUnixSeconds(kExpiry));
  EXPECT_THAT(response.scopes(), ElementsAre("orders:read"));
  EXPECT_EQ(response.generation(), 0);
}

TEST_F(TokenBrokerServiceTest, MakesALogoutUrl) {
  v1::CreateLogoutUrlRequest request;
  request.set_grant_id("grant-1");
  request.set_post_logout_redirect_uri("https://app.example/bye");
  request.set_state("s");
  v1::CreateLogoutUrlResponse response;
  ASSERT_TRUE(Call(&v1::TokenBroker::Stub::CreateLogoutUrl, request, response).ok());
  EXPECT_EQ(response.logout_url(), "https://op.example/logout?client_id=web");
  EXPECT_EQ(use_cases_.last_logout_wish.grant_id, "grant-1");
  EXPECT_EQ(use_cases_.last_logout_wish.post_logout_redirect_uri, "https://app.example/bye");
  EXPECT_EQ(use_cases_.last_logout_wish.state, "s");
}

TEST_F(TokenBrokerServiceTest, TakesALogoutToken) {
  v1::SubmitLogoutTokenRequest request;
  request.set_client("web");
  request.set_logout_token("a.b.c");
  v1::SubmitLogoutTokenResponse response;
  ASSERT_TRUE(Call(&v1::TokenBroker::Stub::SubmitLogoutToken, request, response).ok());
  EXPECT_EQ(response.ended_grants(), 3);
  EXPECT_EQ(use_cases_.last_logout_token.client, "web");
  EXPECT_EQ(use_cases_.last_logout_token.logout_token.Reveal(), "a.b.c");
}

TEST_F(TokenBrokerServiceTest, PassesFailuresOn) {
  use_cases_.failure = Error(Reason::kReauthorizationRequired);
  const grpc::Status status = GetGrant();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(testing::ReasonIn(status), "REAUTHORIZATION_REQUIRED");
}

TEST_F(TokenBrokerServiceTest, WritesOneLineForEachRequestAndNoSecretInIt) {
  v1::GetAccessTokenRequest request;
  request.set_grant_id("cached");
  request.set_rejected_access_token("old-token");
  v1::GetAccessTokenResponse response;
  ASSERT_TRUE(Call(&v1::TokenBroker::Stub::GetAccessToken, request, response).ok());
  use_cases_.failure = Error(Reason::kGrantUnknown);
  ASSERT_FALSE(GetGrant().ok());
  server_->Shutdown(absl::Seconds(1));
  const std::string text = LogText();
  EXPECT_EQ(std::ranges::count(text, '\n'), 2) << text;
  EXPECT_THAT(text, AllOf(HasSubstr(R"("rpc":"GetAccessToken","caller":"shop","client":"web",)"
                                    R"("grant_id":"cached","outcome":"OK","code":"OK")"),
                          HasSubstr(R"("rpc":"GetGrant","caller":"shop","grant_id":"grant-1",)"
                                    R"("outcome":"GRANT_UNKNOWN","code":"NOT_FOUND")")));
  EXPECT_THAT(text, AllOf(Not(HasSubstr(kToken)), Not(HasSubstr("old-token"))));
}

TEST_F(TokenBrokerServiceTest, RefusesWhoShowsNothing) {
  Start({.listen = testing::UnixSocketAddress()}, std::nullopt);
  EXPECT_EQ(testing::ReasonIn(GetGrant()), "CALLER_UNAUTHENTICATED");
  v1::GetAccessTokenRequest request;
  request.set_grant_id("cached");
  v1::GetAccessTokenResponse response;
  const auto status = Call(&v1::TokenBroker::Stub::GetAccessToken, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  server_->Shutdown(absl::Seconds(1));
  EXPECT_EQ(std::ranges::count(LogText(), '\n'), 2);
}

TEST_F(TokenBrokerServiceTest, KnowsTheBearerOfAToken) {
  Start({.listen = testing::UnixSocketAddress()}, std::nullopt);
  const std::string bearer = SignedToken();
  v1::GetAccessTokenRequest request;
  request.set_grant_id("cached");
  v1::GetAccessTokenResponse response;
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(Call(&v1::TokenBroker::Stub::GetAccessToken, request, response, bearer).ok());
  }
  EXPECT_EQ(testing::ReasonIn(GetGrant(bearer + "x")), "CALLER_UNAUTHENTICATED");
  EXPECT_THAT(LogText(), Not(HasSubstr(bearer)));
}

// Without another look at it, and without waiting: on the thread that the call came by.
TEST_F(TokenBrokerServiceTest, KnowsATokenAgainThatItHasVerified) {
  Start({.listen = testing::UnixSocketAddress(), .queues = 1}, std::nullopt);
  const std::string bearer = SignedToken();
  v1::GetAccessTokenRequest request;
  request.set_grant_id("cached");
  v1::GetAccessTokenResponse response;
  ASSERT_TRUE(Call(&v1::TokenBroker::Stub::GetAccessToken, request, response, bearer).ok());
  EXPECT_TRUE(use_cases_.last_query.has_value());
  use_cases_.last_query.reset();
  ASSERT_TRUE(Call(&v1::TokenBroker::Stub::GetAccessToken, request, response, bearer).ok());
  EXPECT_FALSE(use_cases_.last_query.has_value());
}

class Watching : public TokenBrokerServiceTest {
 protected:
  std::unique_ptr<grpc::ClientReader<v1::GetAccessTokenResponse>> Watch(
      grpc::ClientContext& context, const std::string& bearer = "") {
    if (!bearer.empty()) context.AddMetadata("authorization", "Bearer " + bearer);
    v1::WatchAccessTokenRequest request;
    request.set_grant_id("watched");
    request.add_scopes("orders:read");
    return stub_->WatchAccessToken(&context, request);
  }
};

TEST_F(Watching, StreamsEachTokenAndThenWhyThereAreNoMore) {
  use_cases_.watched = {"one", "two"};
  use_cases_.end_of_watch = Error(Reason::kReauthorizationRequired, {{"because", "revoked"}});
  grpc::ClientContext context;
  const auto stream = Watch(context);
  v1::GetAccessTokenResponse token;
  ASSERT_TRUE(stream->Read(&token));
  EXPECT_EQ(token.access_token(), kToken);
  EXPECT_EQ(token.generation(), 7);
  ASSERT_TRUE(stream->Read(&token));
  EXPECT_FALSE(stream->Read(&token));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(testing::ReasonIn(status), "REAUTHORIZATION_REQUIRED");
  EXPECT_THAT(status.error_details(), HasSubstr("revoked"));
  EXPECT_THAT(use_cases_.last_query->scopes, ElementsAre("orders:read"));
  // Whoever got a token is on record for each, and the end is too.
  const std::string log = LogText();
  EXPECT_THAT(log, AllOf(HasSubstr(R"("grant_id":"one")"), HasSubstr(R"("grant_id":"two")"),
                         HasSubstr("REAUTHORIZATION_REQUIRED"), Not(HasSubstr(kToken))));
}

TEST_F(Watching, RefusesBeforeTheFirstToken) {
  use_cases_.failure = Error(Reason::kGrantUnknown);
  grpc::ClientContext context;
  const auto stream = Watch(context);
  v1::GetAccessTokenResponse token;
  EXPECT_FALSE(stream->Read(&token));
  EXPECT_EQ(testing::ReasonIn(stream->Finish()), "GRANT_UNKNOWN");

  grpc::ClientContext without_selector;
  const auto bad = stub_->WatchAccessToken(&without_selector, v1::WatchAccessTokenRequest());
  EXPECT_FALSE(bad->Read(&token));
  EXPECT_EQ(testing::ReasonIn(bad->Finish()), "INVALID_REQUEST");
}

TEST_F(Watching, RefusesWhoDidNotProveWhoTheyAre) {
  Start({.listen = testing::UnixSocketAddress()}, std::nullopt);
  use_cases_.watched = {"one"};
  v1::GetAccessTokenResponse token;
  grpc::ClientContext nobody;
  const auto refused = Watch(nobody);
  EXPECT_FALSE(refused->Read(&token));
  EXPECT_EQ(testing::ReasonIn(refused->Finish()), "CALLER_UNAUTHENTICATED");
  grpc::ClientContext shop;
  const auto stream = Watch(shop, SignedToken());
  EXPECT_TRUE(stream->Read(&token));
}

TEST_F(Watching, EndsWhenTheCallerHangsUp) {
  use_cases_.watched = {"one"};
  grpc::ClientContext context;
  const auto stream = Watch(context);
  v1::GetAccessTokenResponse token;
  ASSERT_TRUE(stream->Read(&token));
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  use_cases_.watch_gone.WaitForNotification();
  while (!absl::StrContains(LogText(), "CANCELLED")) std::this_thread::yield();
}

TEST_F(Watching, IsToldWhenTheServerStopsAndWhenToComeBack) {
  use_cases_.watched = {"one"};
  grpc::ClientContext context;
  const auto stream = Watch(context);
  v1::GetAccessTokenResponse token;
  ASSERT_TRUE(stream->Read(&token));
  server_->Shutdown(absl::Seconds(30));
  EXPECT_FALSE(stream->Read(&token));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(testing::ReasonIn(status), "SHUTTING_DOWN");
  EXPECT_THAT(status.error_details(), HasSubstr("google.rpc.RetryInfo"));
}

// It cannot be told that the stream is over, and must not hold up the end of the server.
TEST_F(Watching, IsGivenUpWhenTheServerStopsAndTheCallerDoesNotRead) {
  use_cases_.watched = std::vector<std::string>(100'000, "one");
  grpc::ClientContext context;
  const auto stream = Watch(context);
  v1::GetAccessTokenResponse token;
  ASSERT_TRUE(stream->Read(&token));
  server_->Shutdown(absl::Hours(1));
  use_cases_.watch_gone.WaitForNotification();
}

TEST_F(Watching, IsRefusedBeyondTheLimit) {
  Start({.listen = testing::UnixSocketAddress(), .running = {.max_streams = 1}}, "shop");
  use_cases_.watched = {"one"};
  grpc::ClientContext first_context;
  const auto first = Watch(first_context);
  v1::GetAccessTokenResponse token;
  ASSERT_TRUE(first->Read(&token));
  grpc::ClientContext second_context;
  const auto second = Watch(second_context);
  EXPECT_FALSE(second->Read(&token));
  const grpc::Status status = second->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(testing::ReasonIn(status), "LIMIT_REACHED");
  EXPECT_THAT(status.error_details(), HasSubstr("google.rpc.RetryInfo"));
}

class MutualTls : public TokenBrokerServiceTest {
 protected:
  void StartTls(ClientCertificates client_certificates) {
    identity_ =
        std::make_shared<ServerIdentity>(IdentityFrom(authority_, authority_), client_certificates);
    Start({.listen = "127.0.0.1:0", .identity = identity_}, std::nullopt);
  }

  static ServerIdentity::Pem IdentityFrom(const testing::TestAuthority& authority,
                                          const testing::TestAuthority& of_clients) {
    auto server = authority.Issue({.dns_names = {"broker.example"}});
    return {.certificates = std::move(server.certificate),
            .private_key = Secret(server.key),
            .client_ca = of_clients.certificate()};
  }

  void ConnectWith(const testing::PemPair& pair) {
    Connect(grpc::SslCredentials({authority_.certificate(), pair.key, pair.certificate}));
  }

  const testing::TestAuthority authority_{};
  std::shared_ptr<ServerIdentity> identity_;
};

TEST_F(MutualTls, KnowsACallerByItsSpiffeIdOrDnsName) {
  StartTls(ClientCertificates::kRequired);
  ConnectWith(authority_.Issue({.uris = {"spiffe://example.com/shop"}}));
  EXPECT_TRUE(GetGrant().ok()) << GetGrant().error_message();
  ConnectWith(authority_.Issue({.dns_names = {"READER.example"}}));
  EXPECT_TRUE(GetGrant().ok()) << GetGrant().error_message();
}

TEST_F(MutualTls, RefusesWhatPolicyDoesNotName) {
  StartTls(ClientCertificates::kRequired);
  ConnectWith(authority_.Issue({.uris = {"spiffe://example.com/stranger"}}));
  EXPECT_EQ(testing::ReasonIn(GetGrant()), "CALLER_NOT_ALLOWED");
  ConnectWith(authority_.Issue({.dns_names = {"reader.example"}}));
  v1::GetAccessTokenRequest request;
  request.set_grant_id("cached");
  v1::GetAccessTokenResponse response;
  const auto status = Call(&v1::TokenBroker::Stub::GetAccessToken, request, response);
  EXPECT_EQ(testing::ReasonIn(status), "CALLER_NOT_ALLOWED");
  EXPECT_EQ(response.access_token(), "");
}

TEST_F(MutualTls, LetsNobodyInWithoutACertificateOfTheRightAuthority) {
  StartTls(ClientCertificates::kRequired);
  Connect(grpc::SslCredentials({authority_.certificate(), "", ""}));
  EXPECT_EQ(GetGrant().error_code(), grpc::StatusCode::UNAVAILABLE);
  ConnectWith(testing::TestAuthority().Issue({.uris = {"spiffe://example.com/shop"}}));
  EXPECT_EQ(GetGrant().error_code(), grpc::StatusCode::UNAVAILABLE);
  Connect(grpc::InsecureChannelCredentials());
  EXPECT_EQ(GetGrant().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(MutualTls, ServesANewConnectionWithWhatReplacedItsIdentity) {
  StartTls(ClientCertificates::kRequired);
  const auto caller = authority_.Issue({.uris = {"spiffe://example.com/shop"}});
  ConnectWith(caller);
  EXPECT_TRUE(GetGrant().ok());
  const testing::TestAuthority new_authority;
  identity_->Replace(IdentityFrom(new_authority, new_authority));
  EXPECT_TRUE(GetGrant().ok()) << "a connection that is open stays";
  // Trusts the new authority alone.
  const auto new_caller = new_authority.Issue({.uris = {"spiffe://example.com/shop"}});
  Connect(
      grpc::SslCredentials({new_authority.certificate(), new_caller.key, new_caller.certificate}));
  EXPECT_TRUE(GetGrant().ok());
  ConnectWith(caller);
  EXPECT_EQ(GetGrant().error_code(), grpc::StatusCode::UNAVAILABLE) << "neither trusts the other";
}

TEST_F(MutualTls, TakesATokenWhereACertificateIsOptional) {
  StartTls(ClientCertificates::kOptional);
  Connect(grpc::SslCredentials({authority_.certificate(), "", ""}));
  EXPECT_EQ(testing::ReasonIn(GetGrant()), "CALLER_UNAUTHENTICATED");
  EXPECT_TRUE(GetGrant(SignedToken()).ok());
}

}  // namespace
}  // namespace tokenbroker::rpc
