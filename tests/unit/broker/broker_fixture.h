// A broker on a memory store, a provider that does as it is told, and a clock that stands still.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/base64url.h"
#include "base/sha256.h"
#include "broker/broker.h"
#include "broker/fake_provider.h"
#include "gmock/gmock.h"
#include "net/runtime.h"
#include "storage/memory/memory_grant_store.h"
#include "support/manual_clock.h"
#include "support/status_matchers.h"

namespace tokenbroker::broker {

inline constexpr char kRedirectUri[] = "https://app.example/callback";

// The left half of SHA-256, as c_hash and at_hash are for RS256.
inline std::string LeftHash(std::string_view value) {
  return Base64UrlEncode(Sha256(value).substr(0, 16));
}

class BrokerTest : public ::testing::Test {
 protected:
  BrokerTest() : BrokerTest(std::make_unique<storage::MemoryGrantStore>(clock_)) {}

  explicit BrokerTest(std::unique_ptr<grants::GrantStore> store)
      : BrokerTest(std::move(store), [](Client&) {}) {}

  // `adjust` may change the one client that there is.
  BrokerTest(std::unique_ptr<grants::GrantStore> store, const std::function<void(Client&)>& adjust)
      : store_(std::move(store)) {
    store_->Observe(&changes_);
    Client client = MakeClient(provider_);
    adjust(client);
    UseClient(std::move(client));
  }

  // From now on the client is this one.
  void UseClient(Client client) {
    broker_.reset();
    std::vector<Client> clients;
    clients.push_back(std::move(client));
    clients_ = std::make_unique<Clients>(std::move(clients));
    broker_ = std::make_unique<Broker>(*clients_, *store_, clock_, cache_, changes_, runtime_,
                                       BrokerOptions{.replica = "test", .refresh_ahead = false});
  }

  // Another replica: on the same store, and told of the same changes.
  std::unique_ptr<Broker> AddReplica(BrokerOptions options) {
    options.refresh_ahead = false;
    return std::make_unique<Broker>(*clients_, *store_, clock_, cache_, changes_, runtime_,
                                    std::move(options));
  }

  ~BrokerTest() override { runtime_.Stop(); }

  static Client MakeClient(const std::shared_ptr<FakeProvider>& provider) {
    return {.name = "shop",
            .provider = provider,
            .registration = {.client_id = "shop-id"},
            .redirect_uris = {kRedirectUri},
            .response_types = {{},
                               {.id_token = true},
                               {.token = true},
                               {.id_token = true, .token = true}},
            .default_response_type = {.id_token = true},
            .response_modes = {oauth::ResponseMode::kFormPost, oauth::ResponseMode::kQuery,
                               oauth::ResponseMode::kFragment, oauth::ResponseMode::kFormPostJwt,
                               oauth::ResponseMode::kQueryJwt, oauth::ResponseMode::kFragmentJwt},
            .scopes = {"openid", "offline_access", "orders:read", "orders:write"},
            .default_scopes = {"openid", "offline_access"},
            .audiences = {"https://other.example"},
            .default_audience = "https://api.example",
            .resources = {"https://api.example/orders", "https://api.example/bills"}};
  }

  template <typename T>
  T Run(asio::awaitable<T> task) {
    return RunBlocking(runtime_, std::move(task));
  }

  absl::Time InTime() const { return clock_.Now() + absl::Minutes(1); }

  // --- a sign-in, step by step ---

  absl::StatusOr<AuthorizationUrl> Begin(std::string response_type = "code",
                                         std::string response_mode = "") {
    AuthorizationWish wish{.client = "shop",
                           .redirect_uri = kRedirectUri,
                           .response_type = std::move(response_type),
                           .response_mode = std::move(response_mode),
                           .caller_context = Secret("cart=7")};
    return Run(broker_->CreateAuthorizationUrl(asker_, std::move(wish), InTime()));
  }

  // The value of a parameter in the URL that the browser is sent to.
  static std::string ParameterOf(const std::string& url, const std::string& name) {
    const auto at = url.find(name + "=");
    if (at == std::string::npos) return "";
    const auto begin = at + name.size() + 1;
    return url.substr(begin, url.find('&', begin) - begin);
  }

  Json Claims(const std::string& nonce) const {
    const auto now = absl::ToUnixSeconds(clock_.Now());
    return {{"iss", "https://op.example"},
            {"sub", "alice"},
            {"aud", "shop-id"},
            {"iat", now},
            {"exp", now + 600},
            {"nonce", nonce}};
  }

  absl::StatusOr<CallbackAnswer> Submit(std::string body, const Secret& binding) {
    return SubmitAs(asker_, std::move(body), binding);
  }
  absl::StatusOr<CallbackAnswer> SubmitAs(const Asker& asker, std::string body,
                                          const Secret& binding) {
    SubmittedCallback callback{.content = Secret(body), .browser_binding = binding.Copy()};
    return Run(broker_->SubmitCallback(asker, std::move(callback), InTime()));
  }

  // Signs alice in with the code flow and returns the grant.
  grants::Grant SignIn(Issue issue = {.access_token = "AT1", .refresh_token = "RT1"}) {
    auto url = Begin();
    EXPECT_THAT(url, testing::IsOk());
    issue.id_token = Claims(ParameterOf(url->url, "nonce")).dump();
    provider_->Answer(Issues(issue));
    auto answer = Submit("code=C1&state=" + std::string(url->state.Reveal()), url->browser_binding);
    EXPECT_THAT(answer, testing::IsOk());
    return std::move(answer->grant);
  }

  absl::StatusOr<TokenSnapshot> Get(const std::string& grant_id, AccessTokenQuery query = {}) {
    query.selector = ByGrantId{grant_id};
    return Run(broker_->GetAccessToken(asker_, std::move(query), InTime()));
  }

  std::string TokenOf(const absl::StatusOr<TokenSnapshot>& answer) {
    EXPECT_THAT(answer, testing::IsOk());
    return answer.ok() ? std::string((*answer)->value.Reveal()) : "";
  }

  testing::ManualClock clock_;
  Runtime runtime_{2};
  std::shared_ptr<FakeProvider> provider_ = std::make_shared<FakeProvider>();
  std::unique_ptr<grants::GrantStore> store_;
  std::unique_ptr<Clients> clients_;
  TokenCache cache_{clock_, {}};
  GrantChanges changes_{cache_};
  std::unique_ptr<Broker> broker_;
  Asker asker_{.name = "backend"};
};

}  // namespace tokenbroker::broker
