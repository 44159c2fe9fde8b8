#include "callers/authenticator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "jose/jws.h"

namespace tokenbroker::callers {
namespace {

absl::Status Unauthenticated(std::string_view check) {
  return Error(Reason::kCallerUnauthenticated, {{"check", std::string(check)}});
}

// What is wrong with the token is the caller's fault; that keys cannot be fetched is not.
absl::Status BlameCaller(absl::Status failure) {
  if (failure.code() != absl::StatusCode::kInvalidArgument) return failure;
  const auto reason = ReasonOf(failure);
  return Unauthenticated(reason ? Describe(*reason).name : "JWT_MALFORMED");
}

Recognition Known(const Caller* caller) {
  if (caller == nullptr) return Error(Reason::kCallerNotAllowed);
  return caller;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Authenticator>> Authenticator::Create(
    std::unique_ptr<const Policy> policy, Options options, const Clock& clock) {
  if (options.anonymous_caller && policy->FindByName(*options.anonymous_caller) == nullptr) {
    return ErrorWithMessage(
        Reason::kInvalidRequest,
        absl::StrCat("The anonymous caller ", *options.anonymous_caller, " is not configured."));
  }
  std::unique_ptr<Authenticator> authenticator(
      new Authenticator(std::move(policy), std::move(options), clock));
  if (authenticator->issuers_.size() != authenticator->options_.issuers.size()) {
    return ErrorWithMessage(Reason::kInvalidRequest, "An issuer of JWTs is configured twice.");
  }
  return authenticator;
}

Authenticator::Authenticator(std::unique_ptr<const Policy> policy, Options options,
                             const Clock& clock)
    : policy_(std::move(policy)),
      options_(std::move(options)),
      clock_(clock),
      anonymous_(options_.anonymous_caller ? policy_->FindByName(*options_.anonymous_caller)
                                           : nullptr),
      verified_(options_.max_tokens_per_thread) {
  for (const JwtIssuer& issuer : options_.issuers) issuers_.emplace(issuer.issuer, &issuer);
}

Recognition Authenticator::Recognise(const Presented& presented) const {
  if (presented.authorization) return RecogniseToken(*presented.authorization);
  if (!presented.uri_names.empty() || !presented.dns_names.empty()) {
    return RecogniseCertificate(presented);
  }
  if (anonymous_ != nullptr) return anonymous_;
  return Unauthenticated("NO_CREDENTIALS");
}

Recognition Authenticator::RecogniseToken(std::string_view authorization) const {
  const auto token = ParseBearer(authorization);
  if (!token) return Unauthenticated("NOT_A_BEARER_TOKEN");
  const auto found = verified_.Find(*token, clock_.Now());
  if (found.caller != nullptr) return found.caller;
  return UnverifiedToken{.token = Secret(*token), .place = found.place};
}

Recognition Authenticator::RecogniseCertificate(const Presented& presented) const {
  for (const std::string& uri : presented.uri_names) {
    if (const Caller* caller = policy_->FindBySpiffeId(uri)) return caller;
  }
  for (const std::string& name : presented.dns_names) {
    if (const Caller* caller = policy_->FindByDnsName(name)) return caller;
  }
  return Known(nullptr);
}

Task<const Caller*> Authenticator::Verify(UnverifiedToken unverified, absl::Time deadline) {
  const auto claimed_issuer = ParseUnverifiedIssuer(unverified.token.Reveal());
  if (!claimed_issuer) {
    co_return Unauthenticated(Describe(Reason::kJwtMalformed).name);
  }
  const auto found = issuers_.find(*claimed_issuer);
  if (found == issuers_.end()) {
    co_return Unauthenticated(Describe(Reason::kIssuerMismatch).name);
  }
  const JwtIssuer& issuer = *found->second;

  jose::JwsPolicy policy{.algorithms = issuer.algorithms, .accepted_types = {"jwt", "at+jwt"}};
  auto jwt = co_await issuer.keys->Verify(std::move(unverified.token), std::move(policy), deadline);
  if (!jwt.ok()) co_return BlameCaller(jwt.status());
  const auto claims = jose::ParseClaims(*jwt);
  if (!claims.ok()) co_return BlameCaller(claims.status());
  const absl::Time now = clock_.Now();
  const auto bearer = ValidateBearerClaims(*claims, issuer, now);
  if (!bearer.ok()) co_return BlameCaller(bearer.status());

  const Caller* caller = policy_->FindByJwtSubject(bearer->subject.issuer, bearer->subject.subject);
  if (caller == nullptr) co_return Error(Reason::kCallerNotAllowed);
  verified_.Remember(unverified.place, *caller,
                     std::min(bearer->expires_at, now + options_.max_token_age));
  co_return caller;
}

}  // namespace tokenbroker::callers
