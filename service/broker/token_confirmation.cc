#include "broker/token_confirmation.h"

#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "broker/pause.h"
#include "oauth/claims.h"
#include "oauth/confirmation.h"
#include "provider/certificate_binding.h"

namespace tokenbroker::broker {
namespace {

constexpr int kAttempts = 4;

bool MayBeAskedAgain(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsResourceExhausted(status);
}

// Of a token that is for somebody else to read, only what its issuer says plainly.
absl::Status CheckKeyBinding(const Client& client, const Secret& access_token,
                             const oauth::DpopKey& key) {
  if (!key) return absl::OkStatus();
  const auto claims = oauth::PeekClaims(access_token.Reveal());
  if (!claims || claims->value("iss", Json()) != client.provider->issuer()) {
    return absl::OkStatus();
  }
  return oauth::CheckKeyConfirmation(*claims, key->Thumbprint());
}

}  // namespace

absl::Status CheckConfirmable(const Client& client, const oauth::ProviderMetadata& metadata) {
  const auto lacks = [&](std::string_view member) {
    return Error(Reason::kProviderMisconfigured,
                 {{"provider", client.provider->name()}, {"member", std::string(member)}});
  };
  if (client.confirms_access_tokens && !metadata.introspection_endpoint) {
    return lacks("introspection_endpoint");
  }
  if (client.registration.certificate_bound_access_tokens &&
      !metadata.tls_client_certificate_bound_access_tokens) {
    return lacks("tls_client_certificate_bound_access_tokens");
  }
  return absl::OkStatus();
}

StatusTask ConfirmAccessToken(const Client& client, Secret access_token, std::string subject,
                              oauth::DpopKey dpop_key, const Clock& clock) {
  CO_RETURN_IF_ERROR(CheckKeyBinding(client, access_token, dpop_key));
  CO_RETURN_IF_ERROR(provider::CheckCertificateBinding(client.registration, access_token));
  if (!client.confirms_access_tokens) co_return absl::OkStatus();
  Backoff backoff(absl::Milliseconds(200), absl::Seconds(2));
  absl::Status confirmed;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (attempt > 0) co_await Pause(backoff.Next());
    Secret shown = access_token.Copy();
    std::string of = subject;
    // Longer than one request may take, so that a provider that hangs is what is at fault.
    const absl::Time deadline = clock.Now() + 2 * client.refresh.request_timeout;
    confirmed = co_await client.provider->ConfirmAccessToken(client.registration, std::move(shown),
                                                             std::move(of), deadline);
    if (!MayBeAskedAgain(confirmed)) break;
  }
  co_return confirmed;
}

}  // namespace tokenbroker::broker
