// A provider that answers what a test tells it to, without cryptography: a "token" that it signs is
// the JSON of its claims.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/mutex.h"
#include "oauth/claims.h"
#include "provider/provider.h"

namespace tokenbroker::broker {

// Thread-safe. Answers the scripted results in order, then the default one.
class FakeProvider final : public provider::Provider {
 public:
  explicit FakeProvider(std::string name = "op") : name_(std::move(name)) {}

  using TokenAnswer = std::function<Task<oauth::TokenResponse>(const oauth::AuthorizationGrant&)>;

  const std::string& name() const override { return name_; }
  const std::string& issuer() const override { return issuer_; }
  const provider::ProviderRules& rules() const override { return rules_; }

  Task<std::shared_ptr<const oauth::ProviderMetadata>> Metadata(absl::Time) override {
    const MutexLock lock(mutex_);
    if (!metadata_error.ok()) co_return metadata_error;
    co_return std::make_shared<const oauth::ProviderMetadata>(metadata);
  }

  Task<jose::Jwt> VerifySignature(const provider::TokenProtection&, provider::TokenKind,
                                  Secret token, absl::Time) override {
    const MutexLock lock(mutex_);
    if (!signature_error.ok()) co_return signature_error;
    if (key_failures > 0 && key_failures-- > 0) co_return Error(Reason::kProviderUnavailable);
    co_return jose::Jwt{.algorithm = jose::Algorithm::kRS256,
                        .hash = jose::HashFunction::kSha256,
                        .payload = std::string(token.Reveal())};
  }

  Task<jose::Jwt> VerifyAuthorizationResponse(Secret response, jose::Algorithm algorithm,
                                              absl::Time) override {
    const MutexLock lock(mutex_);
    if (!signature_error.ok()) co_return signature_error;
    const auto claims = oauth::PeekClaims(response.Reveal());
    if (!claims) co_return Error(Reason::kJwtMalformed);
    co_return jose::Jwt{
        .algorithm = algorithm, .hash = jose::HashFunction::kSha256, .payload = claims->dump()};
  }

  Task<oauth::PushedAuthorization> PushAuthorizationRequest(const provider::Registration&,
                                                            oauth::Parameters parameters,
                                                            absl::Time) override {
    const MutexLock lock(mutex_);
    pushed_.push_back(std::move(parameters));
    if (!push_error.ok()) co_return push_error;
    co_return oauth::PushedAuthorization{.request_uri = "urn:example:pushed",
                                         .lifetime = push_lifetime};
  }

  Task<provider::Permit> AdmitTokenRequest(provider::Urgency urgency, absl::Time) override {
    const MutexLock lock(mutex_);
    admitted_.push_back(urgency.now());
    if (!admission_error.ok()) co_return admission_error;
    co_return provider::Permit();
  }

  Task<oauth::TokenResponse> RequestToken(const provider::Registration&,
                                          oauth::AuthorizationGrant grant, oauth::DpopKey dpop_key,
                                          provider::Permit, absl::Time) override {
    TokenAnswer answer;
    {
      const MutexLock lock(mutex_);
      sent_.push_back(Describe(grant));
      proven_.push_back(dpop_key ? dpop_key->Thumbprint() : "");
      if (script_.empty()) co_return Error(Reason::kProviderUnavailable);
      answer = script_.front();
      if (script_.size() > 1 || !repeat_last_) script_.pop_front();
    }
    co_return co_await answer(grant);
  }

  asio::awaitable<provider::RefreshAnswer> Refresh(const provider::Registration& registration,
                                                   oauth::RefreshToken refresh_token,
                                                   oauth::DpopKey dpop_key, provider::Permit permit,
                                                   std::function<bool()> may_leave,
                                                   absl::Time deadline) override {
    provider::RefreshAnswer answer;
    if (before_refresh) before_refresh();
    if (may_leave && !may_leave()) {
      answer.tokens = Error(Reason::kCancelled, {{"delivery", "not_sent"}});
      co_return answer;
    }
    oauth::AuthorizationGrant grant = std::move(refresh_token);
    answer.tokens = co_await RequestToken(registration, std::move(grant), std::move(dpop_key),
                                          std::move(permit), deadline);
    const MutexLock lock(mutex_);
    if (!answer.tokens.ok() && !salvaged.empty()) answer.rotated = Secret(salvaged);
    co_return answer;
  }

  StatusTask Revoke(const provider::Registration&, Secret token, std::string, absl::Time) override {
    const MutexLock lock(mutex_);
    revoked_.emplace_back(token.Reveal());
    co_return revocation_error;
  }

  StatusTask ConfirmAccessToken(const provider::Registration&, Secret access_token,
                                std::string subject, absl::Time) override {
    const MutexLock lock(mutex_);
    confirmed_.push_back(std::string(access_token.Reveal()) + " of " + subject);
    if (confirmations.empty()) co_return absl::OkStatus();
    absl::Status status = confirmations.front();
    confirmations.pop_front();
    co_return status;
  }

  Task<Json> FetchUserInfo(const provider::Registration&, Secret access_token,
                           oauth::DpopKey dpop_key, std::string subject, absl::Time) override {
    {
      const MutexLock lock(mutex_);
      proven_.push_back(dpop_key ? dpop_key->Thumbprint() : "");
    }
    co_return Json{{"sub", subject}, {"token", std::string(access_token.Reveal())}};
  }

  provider::ProviderState state() const override { return {}; }

  // --- the test's side ---

  void Answer(TokenAnswer answer) {
    const MutexLock lock(mutex_);
    script_.push_back(std::move(answer));
  }
  // Drops the answers that were to come.
  void Forget() {
    const MutexLock lock(mutex_);
    script_.clear();
  }
  // From now on the last answer is given again and again.
  void RepeatLastAnswer() {
    const MutexLock lock(mutex_);
    repeat_last_ = true;
  }
  // What was sent: `code <code>`, `refresh <token>`, `refresh <token> scope=…`,
  // `client_credentials`, `exchange <token>`; with ` resource=…` for each.
  std::vector<std::string> sent() const {
    const MutexLock lock(mutex_);
    return sent_;
  }
  // The thumbprint of the key that each token and userinfo request had a proof of; "" for none.
  std::vector<std::string> proven() const {
    const MutexLock lock(mutex_);
    return proven_;
  }
  // The authorization requests that were pushed.
  std::vector<oauth::Parameters> pushed() const {
    const MutexLock lock(mutex_);
    return pushed_;
  }
  std::vector<std::string> revoked() const {
    const MutexLock lock(mutex_);
    return revoked_;
  }

  oauth::ProviderMetadata metadata{.issuer = "https://op.example",
                                   .authorization_endpoint = "https://op.example/authorize",
                                   .token_endpoint = "https://op.example/token",
                                   .jwks_uri = "https://op.example/jwks"};
  // What ConfirmAccessToken answers, in order, and what it was asked: `<token> of <subject>`.
  std::deque<absl::Status> confirmations;
  std::vector<std::string> confirmed() const {
    const MutexLock lock(mutex_);
    return confirmed_;
  }
  // What was asked to be let through, in order.
  std::vector<provider::Priority> admitted() const {
    const MutexLock lock(mutex_);
    return admitted_;
  }
  absl::Status admission_error;
  // Happens while a refresh connects.
  std::function<void()> before_refresh;
  // The refresh token in answers to refreshes that are refused; empty: none.
  std::string salvaged;
  absl::Status metadata_error;
  absl::Status signature_error;
  int key_failures = 0;  // so many times the keys cannot be fetched
  absl::Status revocation_error;
  absl::Status push_error;
  absl::Duration push_lifetime = absl::Seconds(60);
  provider::ProviderRules& mutable_rules() { return rules_; }

 private:
  static std::string ResourcesOf(const std::vector<std::string>& resources) {
    std::string text;
    for (const std::string& resource : resources) text += " resource=" + resource;
    return text;
  }
  static std::string Describe(const oauth::AuthorizationGrant& grant) {
    if (const auto* code = std::get_if<oauth::AuthorizationCode>(&grant)) {
      return "code " + std::string(code->code.Reveal()) + ResourcesOf(code->resources);
    }
    if (const auto* refresh = std::get_if<oauth::RefreshToken>(&grant)) {
      std::string text = "refresh " + std::string(refresh->refresh_token.Reveal());
      if (!refresh->scopes.empty()) text += " scope=" + refresh->scopes.ToString();
      if (refresh->audience) text += " audience=" + *refresh->audience;
      return text + ResourcesOf(refresh->resources);
    }
    if (const auto* exchange = std::get_if<oauth::TokenExchange>(&grant)) {
      std::string text = "exchange " + std::string(exchange->subject_token.Reveal());
      if (!exchange->scopes.empty()) text += " scope=" + exchange->scopes.ToString();
      if (exchange->audience) text += " audience=" + *exchange->audience;
      return text + ResourcesOf(exchange->resources);
    }
    return "client_credentials";
  }

  const std::string name_;
  const std::string issuer_ = "https://op.example";
  provider::ProviderRules rules_;
  mutable Mutex mutex_;
  std::vector<provider::Priority> admitted_;
  std::deque<TokenAnswer> script_ ABSL_GUARDED_BY(mutex_);
  bool repeat_last_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::string> sent_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> proven_ ABSL_GUARDED_BY(mutex_);
  std::vector<oauth::Parameters> pushed_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> revoked_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> confirmed_ ABSL_GUARDED_BY(mutex_);
};

// An answer that does not wait.
inline FakeProvider::TokenAnswer Now(
    std::function<absl::StatusOr<oauth::TokenResponse>(const oauth::AuthorizationGrant&)> make) {
  return [make](const oauth::AuthorizationGrant& grant) -> Task<oauth::TokenResponse> {
    return [](absl::StatusOr<oauth::TokenResponse> result) -> Task<oauth::TokenResponse> {
      co_return std::move(result);
    }(make(grant));
  };
}

inline FakeProvider::TokenAnswer Fails(absl::Status status) {
  return Now([status](const auto&) { return status; });
}

struct Issue {
  std::string access_token;
  std::string refresh_token;  // empty: none
  std::string id_token;       // empty: none
  absl::Duration lifetime = absl::Hours(1);
  std::optional<oauth::Scopes> scopes = std::nullopt;
  oauth::TokenType type = oauth::TokenType::kBearer;
};

inline FakeProvider::TokenAnswer Issues(Issue issue) {
  return Now([issue](const auto&) -> absl::StatusOr<oauth::TokenResponse> {
    oauth::TokenResponse response{.access_token = Secret(issue.access_token),
                                  .token_type = std::string(oauth::TokenTypeName(issue.type)),
                                  .lifetime = issue.lifetime,
                                  .scopes = issue.scopes};
    if (!issue.refresh_token.empty()) response.refresh_token = Secret(issue.refresh_token);
    if (!issue.id_token.empty()) response.id_token = Secret(issue.id_token);
    return response;
  });
}

}  // namespace tokenbroker::broker
