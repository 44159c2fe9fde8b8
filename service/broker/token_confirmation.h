// Asking the provider whether the token that it has just issued is what it seems (RFC 7662).
#pragma once

#include <string>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/task.h"
#include "broker/client.h"
#include "oauth/dpop.h"
#include "oauth/provider_metadata.h"

namespace tokenbroker::broker {

// Whether the client's tokens can be confirmed at all, to be asked before anything is spent.
// Errors: PROVIDER_MISCONFIGURED where the client wants them confirmed and the provider has no
// introspection endpoint, or wants them bound to its certificate and the provider does not promise
// that (RFC 8705 section 3.3); metadata `member`.
absl::Status CheckConfirmable(const Client& client, const oauth::ProviderMetadata& metadata);

// Confirms a new access token of `subject`: that it is bound to the client's certificate and that
// the provider calls it active, each where the client is configured so; and that a JWT of the
// provider's names no other key than `dpop_key`, which is null for a bearer token. A provider that
// cannot be asked is asked again for a while, since the token cannot be had a second time. Errors:
// those of provider::CheckCertificateBinding, oauth::CheckKeyConfirmation and
// Provider::ConfirmAccessToken.
StatusTask ConfirmAccessToken(const Client& client, Secret access_token, std::string subject,
                              oauth::DpopKey dpop_key, const Clock& clock);

}  // namespace tokenbroker::broker
