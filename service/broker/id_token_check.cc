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

Task<VerifiedToken> VerifyToken(const Client& client, provider::TokenKind kind, Secret token,
                                absl::Time deadline) {
  const provider::TokenProtection& protection = client.registration.id_token;
  CO_ASSIGN_OR_RETURN(Secret signed_token, provider::Decrypt(std::move(token), protection));
  Secret shown = signed_token.Copy();
  auto jwt =
      co_await client.provider->VerifySignature(protection, kind, std::move(shown), deadline);
  if (!jwt.ok()) co_return jwt.status();
  auto claims = jose::ParseClaims(*jwt);
  if (!claims.ok()) co_return claims.status();
  co_return VerifiedToken{.signed_token = std::move(signed_token),
                          .jwt = *std::move(jwt),
                          .claims = *std::move(claims)};
}

StatusTask CheckRefreshedIdToken(const Client& client, const grants::Grant& grant,
                                 oauth::TokenResponse& response, const Clock& clock,
                                 KeyPatience patience) {
  if (!response.id_token) co_return absl::OkStatus();
  Backoff backoff(absl::Milliseconds(200), absl::Seconds(2));
  absl::StatusOr<VerifiedToken> verified = absl::UnknownError("not tried");
  const int attempts = patience == KeyPatience::kSome ? kKeyFetchAttempts : 1;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    if (attempt > 0) co_await Pause(backoff.Next());
    Secret token = response.id_token->Copy();
    const absl::Time deadline = clock.Now() + absl::Seconds(10);
    verified =
        co_await VerifyToken(client, provider::TokenKind::kIdToken, std::move(token), deadline);
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
  CO_RETURN_IF_ERROR(oauth::CheckHashes(verified->jwt, verified->claims,
                                        {.access_token = &response.access_token}));
  response.id_token = std::move(verified->signed_token);
  co_return absl::OkStatus();
}

}  // namespace tokenbroker::broker
