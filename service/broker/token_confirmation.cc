#include "broker/token_confirmation.h"

#include <utility>

#include "base/error.h"
#include "broker/pause.h"

namespace tokenbroker::broker {
namespace {

constexpr int kAttempts = 4;

bool MayBeAskedAgain(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsResourceExhausted(status);
}

}  // namespace

absl::Status CheckConfirmable(const Client& client, const oauth::ProviderMetadata& metadata) {
  if (!client.confirms_access_tokens || metadata.introspection_endpoint) return absl::OkStatus();
  return Error(Reason::kProviderMisconfigured,
               {{"provider", client.provider->name()}, {"member", "introspection_endpoint"}});
}

StatusTask ConfirmAccessToken(const Client& client, Secret access_token, std::string subject,
                              const Clock& clock) {
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
