// From the configuration's words to the callers' policy and how they are recognised.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "callers/authenticator.h"
#include "config/config.h"
#include "net/http_client.h"
#include "net/runtime.h"
#include "telemetry/log.h"

namespace tokenbroker::wiring {

// The keys of issuers by their part of the configuration, serialised.
using IssuerKeysByConfig = std::map<std::string, std::shared_ptr<callers::IssuerKeys>>;

// Makes the authenticator with the policy in it. Issuers whose keys are fetched get an HTTP client
// of their own; nothing is fetched yet. Borrows everything but the configuration. Errors:
// INVALID_REQUEST with a message for people: a key file that cannot be read.
absl::StatusOr<std::unique_ptr<callers::Authenticator>> AuthenticatorOf(
    const config::v1::Config& config, IssuerKeysByConfig& keys, Runtime& runtime,
    const Clock& clock, const telemetry::Log& log);

}  // namespace tokenbroker::wiring
