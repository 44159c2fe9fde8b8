#include "broker/id_token_check.h"

#include <string>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "broker/pause.h"

namespace tokenbroker::broker {
namespace {

constexpr int kKeyFetchAttempts = 4;

}  // namespace

absl::Status AsProviderFault(absl::Status failure) {
  const auto reason = ReasonOf(failure);
  if (failure.ok() || !reason || failure.code() != absl::StatusCode::kInvalidArgument) {
    return failure;
  }
  ErrorMetadata metadata = MetadataOf(failure);
  metadata["check"] = std::string(Describe(*reason).name);
  return Error(Reason::kProviderResponseInvalid, metadata);
}

Task<VerifiedIdToken> VerifyIdToken(const Client& client, Secret id_token, absl::Time deadline) {
  auto jwt = co_await client.provider->VerifySignature(std::move(id_token), deadline);
  if (!jwt.ok()) co_return jwt.status();
  auto claims = jose::ParseClaims(*jwt);
  if (!claims.ok()) co_return claims.status();
  co_return VerifiedIdToken{.jwt = *std::move(jwt), .claims = *std::move(claims)};
}

StatusTask CheckRefreshedIdToken(const Client& client, const grants::Grant& grant,
                                 const oauth::TokenResponse& response, const Clock& clock) {
  if (!response.id_token) co_return absl::OkStatus();
  Backoff backoff(absl::Milliseconds(200), absl::Seconds(2));
  absl::StatusOr<VerifiedIdToken> verified = absl::UnknownError("not tried");
  for (int attempt = 0; attempt < kKeyFetchAttempts; ++attempt) {
    if (attempt > 0) co_await Pause(backoff.Next());
    Secret token = response.id_token->Copy();
    const absl::Time deadline = clock.Now() + absl::Seconds(10);
    verified = co_await VerifyIdToken(client, std::move(token), deadline);
    if (!absl::IsUnavailable(verified.status()) && !absl::IsDeadlineExceeded(verified.status())) {
      break;
    }
  }
  CO_RETURN_IF_ERROR(verified.status());
  const oauth::RefreshedIdTokenRules rules{
      .client_id = client.registration.client_id,
      .clock_skew = client.provider->rules().clock_skew,
      .strict_authorized_party = client.provider->rules().strict_authorized_party,
      .strict_auth_time = client.provider->rules().strict_auth_time,
      .nonce = grant.nonce ? &*grant.nonce : nullptr};
  CO_RETURN_IF_ERROR(
      ValidateRefreshedIdToken(verified->claims, grant.id_token, rules, clock.Now()).status());
  co_return oauth::CheckHashes(verified->jwt, verified->claims,
                               {.access_token = &response.access_token});
}

}  // namespace tokenbroker::broker
