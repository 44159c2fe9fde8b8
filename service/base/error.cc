#include "base/error.h"

#include <array>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace tokenbroker {
namespace {

using absl::StatusCode;

constexpr std::string_view kReasonUrl = "tokenbroker/reason";
constexpr std::string_view kRetryUrl = "tokenbroker/retry_after_ms";
constexpr std::string_view kFieldUrl = "tokenbroker/field";
constexpr std::string_view kMetadataPrefix = "tokenbroker/metadata/";

constexpr std::array kReasons = {
#define TB_REASON(id, name, code, message) \
  ReasonDescription { Reason::id, name, StatusCode::code, message }
    TB_REASON(kInvalidRequest, "INVALID_REQUEST", kInvalidArgument, "The request is malformed."),
    TB_REASON(kRedirectUriNotRegistered, "REDIRECT_URI_NOT_REGISTERED", kInvalidArgument,
              "The redirect_uri is not one that the client is configured with."),
    TB_REASON(kResponseTypeNotAllowed, "RESPONSE_TYPE_NOT_ALLOWED", kInvalidArgument,
              "The client is not configured for this response_type."),
    TB_REASON(kResponseModeNotAllowed, "RESPONSE_MODE_NOT_ALLOWED", kInvalidArgument,
              "This response_mode cannot be used with this response_type or client."),
    TB_REASON(kScopeNotAllowed, "SCOPE_NOT_ALLOWED", kInvalidArgument,
              "A scope was asked for that is not allowed here."),
    TB_REASON(kAudienceNotAllowed, "AUDIENCE_NOT_ALLOWED", kInvalidArgument,
              "An audience was asked for that is not allowed here."),
    TB_REASON(kParameterReserved, "PARAMETER_RESERVED", kInvalidArgument,
              "An extra parameter has a name that the broker sets itself."),
    TB_REASON(kPageTokenInvalid, "PAGE_TOKEN_INVALID", kInvalidArgument,
              "The page_token is not one that this listing returned."),
    TB_REASON(kCallbackMalformed, "CALLBACK_MALFORMED", kInvalidArgument,
              "The callback does not parse as an authorization response."),
    TB_REASON(kCallbackTooLarge, "CALLBACK_TOO_LARGE", kInvalidArgument,
              "The callback is larger than an authorization response may be."),
    TB_REASON(kDuplicateParameter, "DUPLICATE_PARAMETER", kInvalidArgument,
              "A parameter of the authorization response is given more than once."),
    TB_REASON(
        kResponseParametersMismatch, "RESPONSE_PARAMETERS_MISMATCH", kInvalidArgument,
        "The authorization response lacks a parameter that its response type promises, or has "
        "one that it does not."),
    TB_REASON(kResponseModeMismatch, "RESPONSE_MODE_MISMATCH", kInvalidArgument,
              "The authorization response came by another response mode than was asked for."),
    TB_REASON(kRedirectUriMismatch, "REDIRECT_URI_MISMATCH", kInvalidArgument,
              "The authorization response came to another redirect_uri than was asked for."),
    TB_REASON(kIssuerMissing, "ISSUER_MISSING", kInvalidArgument,
              "The authorization response lacks the iss parameter that the provider promises."),
    TB_REASON(kIssuerMismatch, "ISSUER_MISMATCH", kInvalidArgument,
              "The issuer is not the one that the request was sent to."),
    TB_REASON(kJwtMalformed, "JWT_MALFORMED", kInvalidArgument, "A token does not parse as a JWT."),
    TB_REASON(kJwtTypeMismatch, "JWT_TYPE_MISMATCH", kInvalidArgument,
              "A JWT is of another kind (typ) than is expected here."),
    TB_REASON(kAlgorithmNotAllowed, "ALGORITHM_NOT_ALLOWED", kInvalidArgument,
              "A JWT uses an algorithm that is not allowed here."),
    TB_REASON(kCriticalHeaderUnknown, "CRITICAL_HEADER_UNKNOWN", kInvalidArgument,
              "A JWT has a critical header parameter that is not understood."),
    TB_REASON(kKeyNotFound, "KEY_NOT_FOUND", kInvalidArgument,
              "No key of the issuer fits the JWT's kid and alg."),
    TB_REASON(kSignatureInvalid, "SIGNATURE_INVALID", kInvalidArgument,
              "The signature of a JWT does not verify."),
    TB_REASON(kDecryptionFailed, "DECRYPTION_FAILED", kInvalidArgument,
              "An encrypted JWT could not be decrypted."),
    TB_REASON(kClaimMissing, "CLAIM_MISSING", kInvalidArgument, "A JWT lacks a required claim."),
    TB_REASON(kClaimMalformed, "CLAIM_MALFORMED", kInvalidArgument,
              "A claim of a JWT has the wrong type or an impossible value."),
    TB_REASON(kSubjectMismatch, "SUBJECT_MISMATCH", kInvalidArgument,
              "The subject is not the one that it must be."),
    TB_REASON(kAudienceMismatch, "AUDIENCE_MISMATCH", kInvalidArgument,
              "A JWT is not meant for this client, or for others as well that are not trusted."),
    TB_REASON(kAzpMismatch, "AZP_MISMATCH", kInvalidArgument,
              "The authorized party of an ID token is not this client."),
    TB_REASON(kTokenExpired, "TOKEN_EXPIRED", kInvalidArgument, "A JWT has expired."),
    TB_REASON(kTokenNotYetValid, "TOKEN_NOT_YET_VALID", kInvalidArgument,
              "A JWT is not valid yet; compare the clocks."),
    TB_REASON(kIssuedInFuture, "ISSUED_IN_FUTURE", kInvalidArgument,
              "A JWT was issued in the future; compare the clocks."),
    TB_REASON(kIssuedTooLongAgo, "ISSUED_TOO_LONG_AGO", kInvalidArgument,
              "A JWT was issued too long ago to answer this request."),
    TB_REASON(kNonceMismatch, "NONCE_MISMATCH", kInvalidArgument,
              "The nonce of the ID token is not the one of the request."),
    TB_REASON(kAuthTimeMissing, "AUTH_TIME_MISSING", kInvalidArgument,
              "The ID token lacks the auth_time that max_age asks for."),
    TB_REASON(kAuthTimeMismatch, "AUTH_TIME_MISMATCH", kInvalidArgument,
              "The auth_time of a refreshed ID token is not the original one."),
    TB_REASON(kAuthTimeTooOld, "AUTH_TIME_TOO_OLD", kPermissionDenied,
              "The user signed in longer ago than max_age allows."),
    TB_REASON(kAcrNotMet, "ACR_NOT_MET", kPermissionDenied,
              "The sign-in does not meet the acr_values asked for."),
    TB_REASON(kOrganizationMismatch, "ORGANIZATION_MISMATCH", kInvalidArgument,
              "The ID token is not for the organization asked for."),
    TB_REASON(kCHashMissing, "C_HASH_MISSING", kInvalidArgument,
              "The ID token lacks the c_hash that binds the code."),
    TB_REASON(kCHashMismatch, "C_HASH_MISMATCH", kInvalidArgument,
              "The c_hash of the ID token is not that of the code."),
    TB_REASON(kAtHashMissing, "AT_HASH_MISSING", kInvalidArgument,
              "The ID token lacks the at_hash that binds the access token."),
    TB_REASON(kAtHashMismatch, "AT_HASH_MISMATCH", kInvalidArgument,
              "The at_hash of the ID token is not that of the access token."),
    TB_REASON(kSHashMismatch, "S_HASH_MISMATCH", kInvalidArgument,
              "The s_hash of the ID token is missing or not that of the state."),
    TB_REASON(kIdTokenMissing, "ID_TOKEN_MISSING", kInvalidArgument,
              "There is no ID token although the openid scope was asked for."),
    TB_REASON(kTokenTypeUnsupported, "TOKEN_TYPE_UNSUPPORTED", kInvalidArgument,
              "The token_type is not the one that was asked for."),
    TB_REASON(kCallerUnauthenticated, "CALLER_UNAUTHENTICATED", kUnauthenticated,
              "The caller did not prove who it is."),
    TB_REASON(kCallerNotAllowed, "CALLER_NOT_ALLOWED", kPermissionDenied,
              "Policy does not let this caller do this."),
    TB_REASON(kBrowserBindingMismatch, "BROWSER_BINDING_MISMATCH", kPermissionDenied,
              "The browser that brought the callback is not the one that began the sign-in."),
    TB_REASON(kClientUnknown, "CLIENT_UNKNOWN", kNotFound,
              "There is no client of this name that the caller may use."),
    TB_REASON(kGrantUnknown, "GRANT_UNKNOWN", kNotFound,
              "There is no such grant that the caller may see."),
    TB_REASON(
        kStateUnknown, "STATE_UNKNOWN", kNotFound,
        "There is no pending authorization request with this state: it is unknown, expired or "
        "used."),
    TB_REASON(kReauthorizationRequired, "REAUTHORIZATION_REQUIRED", kFailedPrecondition,
              "The grant can give no fresh token; the user has to sign in again."),
    TB_REASON(kOperationNotSupported, "OPERATION_NOT_SUPPORTED", kFailedPrecondition,
              "The client or its provider does not support this."),
    TB_REASON(kProviderDenied, "PROVIDER_DENIED", kPermissionDenied,
              "The provider or its user said no."),
    TB_REASON(kProviderResponseInvalid, "PROVIDER_RESPONSE_INVALID", kInternal,
              "The provider's answer breaks the protocol."),
    TB_REASON(kProviderRejectedClient, "PROVIDER_REJECTED_CLIENT", kInternal,
              "The provider does not accept the broker's client authentication; check the client's "
              "credentials."),
    TB_REASON(kProviderMisconfigured, "PROVIDER_MISCONFIGURED", kInternal,
              "The provider's metadata cannot be used; check its configuration."),
    TB_REASON(kProviderUnavailable, "PROVIDER_UNAVAILABLE", kUnavailable,
              "The provider cannot be reached or is failing."),
    TB_REASON(kProviderRateLimited, "PROVIDER_RATE_LIMITED", kResourceExhausted,
              "The provider limits how often it may be asked."),
    TB_REASON(kStoreUnavailable, "STORE_UNAVAILABLE", kUnavailable, "The store cannot be reached."),
    TB_REASON(kRecordUnreadable, "RECORD_UNREADABLE", kInternal,
              "A stored record does not open with the configured keys."),
    TB_REASON(kGenerationConflict, "GENERATION_CONFLICT", kUnavailable,
              "The grant was changed by another replica."),
    TB_REASON(kLeaseHeld, "LEASE_HELD", kUnavailable, "Another replica is refreshing the grant."),
    TB_REASON(kLeaseLost, "LEASE_LOST", kUnavailable,
              "The lease of the grant went to another replica."),
    TB_REASON(kCallbackInProgress, "CALLBACK_IN_PROGRESS", kUnavailable,
              "The same callback is being answered right now; ask again."),
    TB_REASON(kLimitReached, "LIMIT_REACHED", kResourceExhausted,
              "A limit of the broker is reached."),
    TB_REASON(kDeadlineExceeded, "DEADLINE_EXCEEDED", kDeadlineExceeded,
              "There was no answer before the deadline."),
    TB_REASON(kCancelled, "CANCELLED", kCancelled, "The caller gave up."),
    TB_REASON(kShuttingDown, "SHUTTING_DOWN", kUnavailable, "This replica is shutting down."),
    TB_REASON(kInternal, "INTERNAL", kInternal, "Something went wrong inside the broker."),
#undef TB_REASON
};

constexpr bool InEnumOrder() {
  for (std::size_t i = 0; i < kReasons.size(); ++i) {
    if (static_cast<std::size_t>(kReasons[i].reason) != i) return false;
  }
  return kReasons.size() == static_cast<std::size_t>(Reason::kInternal) + 1;
}
static_assert(InEnumOrder(), "the table must name every Reason, in the order of the enum");

std::optional<std::string> PayloadText(const absl::Status& status, std::string_view url) {
  const auto payload = status.GetPayload({url.data(), url.size()});
  if (!payload) return std::nullopt;
  return std::string(*payload);
}

void SetText(absl::Status& status, std::string_view url, std::string_view text) {
  status.SetPayload({url.data(), url.size()}, absl::Cord({text.data(), text.size()}));
}

}  // namespace

std::span<const ReasonDescription> AllReasons() { return kReasons; }

const ReasonDescription& Describe(Reason reason) {
  return kReasons.at(static_cast<std::size_t>(reason));
}

absl::Status Error(Reason reason, const ErrorMetadata& metadata) {
  return ErrorWithMessage(reason, Describe(reason).message, metadata);
}

absl::Status ErrorWithMessage(Reason reason, std::string_view message,
                              const ErrorMetadata& metadata) {
  absl::Status status(Describe(reason).code, {message.data(), message.size()});
  SetText(status, kReasonUrl, std::to_string(static_cast<int>(reason)));
  for (const auto& [key, value] : metadata) status = WithMetadata(std::move(status), key, value);
  return status;
}

absl::Status FieldError(std::string_view field, std::string_view what_is_wrong) {
  absl::Status status = ErrorWithMessage(
      Reason::kInvalidRequest, absl::StrCat(std::string(field), ": ", std::string(what_is_wrong)),
      {{"field", std::string(field)}});
  SetText(status, kFieldUrl, absl::StrCat(std::string(field), "\n", std::string(what_is_wrong)));
  return status;
}

absl::Status WithRetryAfter(absl::Status status, absl::Duration delay) {
  SetText(status, kRetryUrl, std::to_string(absl::ToInt64Milliseconds(delay)));
  return status;
}

absl::Status WithMetadata(absl::Status status, std::string_view key, std::string_view value) {
  SetText(status, std::string(kMetadataPrefix).append(key), value);
  return status;
}

std::optional<Reason> ReasonOf(const absl::Status& status) {
  const auto text = PayloadText(status, kReasonUrl);
  int index = 0;
  if (!text || !absl::SimpleAtoi(*text, &index)) return std::nullopt;
  return static_cast<Reason>(index);
}

bool HasReason(const absl::Status& status, Reason reason) { return ReasonOf(status) == reason; }

ErrorMetadata MetadataOf(const absl::Status& status) {
  ErrorMetadata metadata;
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& value) {
    const std::string_view name(url.data(), url.size());
    if (name.starts_with(kMetadataPrefix)) {
      metadata.emplace(name.substr(kMetadataPrefix.size()), std::string(value));
    }
  });
  return metadata;
}

std::optional<absl::Duration> RetryAfterOf(const absl::Status& status) {
  const auto text = PayloadText(status, kRetryUrl);
  std::int64_t milliseconds = 0;
  if (!text || !absl::SimpleAtoi(*text, &milliseconds)) return std::nullopt;
  return absl::Milliseconds(milliseconds);
}

std::optional<std::pair<std::string, std::string>> FieldOf(const absl::Status& status) {
  const auto text = PayloadText(status, kFieldUrl);
  if (!text) return std::nullopt;
  const auto line_end = text->find('\n');
  return std::pair(text->substr(0, line_end), text->substr(line_end + 1));
}

}  // namespace tokenbroker
