// Every way in which the broker says no: one `Reason` each, with its gRPC code in one table.
//
// An error is born once, with a constant message and the facts beside it as metadata, and travels
// as an absl::Status to `rpc/`, which turns it into a google.rpc.ErrorInfo. Callers' software
// depends on the names: a reason once shipped keeps its name and its code.
//
//   return Error(Reason::kNonceMismatch);
//   return Error(Reason::kClientUnknown, {{"client", name}});
#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace tokenbroker {

enum class Reason {
  // The request itself.
  kInvalidRequest,
  kRedirectUriNotRegistered,
  kResponseTypeNotAllowed,
  kResponseModeNotAllowed,
  kScopeNotAllowed,
  kAudienceNotAllowed,
  kParameterReserved,
  kPageTokenInvalid,
  // The authorization response (RFC 6749 section 4.1.2, OIDC Core 3.3.2.5, RFC 9207).
  kCallbackMalformed,
  kCallbackTooLarge,
  kDuplicateParameter,
  kResponseParametersMismatch,
  kResponseModeMismatch,
  kRedirectUriMismatch,
  kIssuerMissing,
  kIssuerMismatch,
  // JOSE (RFC 7515, 7516, 7518, 8725).
  kJwtMalformed,
  kJwtTypeMismatch,
  kAlgorithmNotAllowed,
  kCriticalHeaderUnknown,
  kKeyNotFound,
  kSignatureInvalid,
  kDecryptionFailed,
  // Claims (OIDC Core 3.1.3.7, 3.3.2.11, 3.3.2.12).
  kClaimMissing,
  kClaimMalformed,
  kSubjectMismatch,
  kAudienceMismatch,
  kAzpMismatch,
  kTokenExpired,
  kTokenNotYetValid,
  kIssuedInFuture,
  kIssuedTooLongAgo,
  kNonceMismatch,
  kAuthTimeMissing,
  kAuthTimeMismatch,
  kAuthTimeTooOld,
  kAcrNotMet,
  kOrganizationMismatch,
  kCHashMissing,
  kCHashMismatch,
  kAtHashMissing,
  kAtHashMismatch,
  kSHashMismatch,
  kIdTokenMissing,
  kTokenTypeUnsupported,
  // Who asks.
  kCallerUnauthenticated,
  kCallerNotAllowed,
  kBrowserBindingMismatch,
  // What is asked for.
  kClientUnknown,
  kGrantUnknown,
  kStateUnknown,
  kReauthorizationRequired,
  kOperationNotSupported,
  // The provider.
  kProviderDenied,
  kProviderResponseInvalid,
  kProviderRejectedClient,
  kProviderMisconfigured,
  kProviderUnavailable,
  kProviderRateLimited,
  // The store, and rules between replicas.
  kStoreUnavailable,
  kRecordUnreadable,
  kGenerationConflict,
  kLeaseHeld,
  kLeaseLost,
  kCallbackInProgress,
  // Limits here.
  kLimitReached,
  kDeadlineExceeded,
  kCancelled,
  kShuttingDown,
  kInternal,
};

// One row of the table.
struct ReasonDescription {
  Reason reason;
  std::string_view name;  // UPPER_SNAKE_CASE, as in google.rpc.ErrorInfo.reason
  absl::StatusCode code;
  std::string_view message;  // for people; constant, so that nothing secret can be in it
};

// Every reason with its name, code and message, in the order of the enum.
std::span<const ReasonDescription> AllReasons();

const ReasonDescription& Describe(Reason reason);

// Facts about an error: short, never secret. Keys are lower_snake_case and stay once shipped.
using ErrorMetadata = std::map<std::string, std::string>;

// An error of this reason, with the table's code and message.
absl::Status Error(Reason reason, const ErrorMetadata& metadata = {});

// The same, with a message of its own where the constant one cannot say what to do. `message` must
// not hold anything secret.
absl::Status ErrorWithMessage(Reason reason, std::string_view message,
                              const ErrorMetadata& metadata = {});

// An INVALID_REQUEST for a field of the request, shown as google.rpc.BadRequest too.
absl::Status FieldError(std::string_view field, std::string_view what_is_wrong);

// `status` with the advice to try again after `delay` (google.rpc.RetryInfo).
absl::Status WithRetryAfter(absl::Status status, absl::Duration delay);

// `status` with one fact more.
absl::Status WithMetadata(absl::Status status, std::string_view key, std::string_view value);

// The reason of an error made here; nothing for success and for a Status that came from elsewhere.
std::optional<Reason> ReasonOf(const absl::Status& status);

bool HasReason(const absl::Status& status, Reason reason);

ErrorMetadata MetadataOf(const absl::Status& status);

std::optional<absl::Duration> RetryAfterOf(const absl::Status& status);

// The name and the fault of the field that FieldError named.
std::optional<std::pair<std::string, std::string>> FieldOf(const absl::Status& status);

}  // namespace tokenbroker
