#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "grants/record.h"
#include "grants/record_fields.h"

namespace tokenbroker::grants {
namespace {

using namespace internal;  // NOLINT(google-build-using-namespace): the other half of this codec

namespace v1 = storage::v1;

// Wipe the secrets of a record, whose strings the library would just free.
void WipeSecrets(v1::AuthorizationRecord& record) {
  WipeString(*record.mutable_nonce());
  WipeString(*record.mutable_code_verifier());
  if (record.has_dpop_key()) WipeString(*record.mutable_dpop_key()->mutable_pem());
  WipeString(*record.mutable_caller_context());
}
void WipeSecrets(v1::OutcomeRecord& record) {
  WipeString(*record.mutable_id_token_claims());
  WipeString(*record.mutable_front_channel_access_token());
}

template <typename Record>
class Wiped {
 public:
  explicit Wiped(Record& record) : record_(record) {}
  ~Wiped() { WipeSecrets(record_); }
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;

 private:
  Record& record_;
};

v1::ResponseMode ToRecord(oauth::ResponseMode mode) {
  switch (mode) {
    case oauth::ResponseMode::kFormPost:
      return v1::RESPONSE_MODE_FORM_POST;
    case oauth::ResponseMode::kQuery:
      return v1::RESPONSE_MODE_QUERY;
    case oauth::ResponseMode::kFragment:
      return v1::RESPONSE_MODE_FRAGMENT;
    case oauth::ResponseMode::kFormPostJwt:
      return v1::RESPONSE_MODE_FORM_POST_JWT;
    case oauth::ResponseMode::kQueryJwt:
      return v1::RESPONSE_MODE_QUERY_JWT;
    case oauth::ResponseMode::kFragmentJwt:
      return v1::RESPONSE_MODE_FRAGMENT_JWT;
  }
  return v1::RESPONSE_MODE_UNSPECIFIED;
}

std::optional<oauth::ResponseMode> FromRecord(v1::ResponseMode mode) {
  switch (mode) {
    case v1::RESPONSE_MODE_FORM_POST:
      return oauth::ResponseMode::kFormPost;
    case v1::RESPONSE_MODE_QUERY:
      return oauth::ResponseMode::kQuery;
    case v1::RESPONSE_MODE_FRAGMENT:
      return oauth::ResponseMode::kFragment;
    case v1::RESPONSE_MODE_FORM_POST_JWT:
      return oauth::ResponseMode::kFormPostJwt;
    case v1::RESPONSE_MODE_QUERY_JWT:
      return oauth::ResponseMode::kQueryJwt;
    case v1::RESPONSE_MODE_FRAGMENT_JWT:
      return oauth::ResponseMode::kFragmentJwt;
    default:
      return std::nullopt;
  }
}

}  // namespace

Secret SerializeAuthorization(const PendingAuthorization& pending) {
  v1::AuthorizationRecord record;
  const Wiped wiped(record);
  record.set_caller(pending.caller);
  record.set_client(pending.client);
  record.set_issuer(pending.issuer);
  record.set_redirect_uri(pending.redirect_uri);
  record.mutable_response_type()->set_id_token(pending.response_type.id_token);
  record.mutable_response_type()->set_token(pending.response_type.token);
  record.set_response_mode(ToRecord(pending.response_mode));
  SetScopes(pending.scopes, *record.mutable_scopes());
  record.set_audience(pending.audience);
  SetTexts(pending.resources, *record.mutable_resources());
  if (pending.organization) record.set_organization(*pending.organization);
  if (pending.max_age) record.set_max_age(absl::ToInt64Nanoseconds(*pending.max_age));
  SetTexts(pending.acr_values, *record.mutable_acr_values());
  SetSecret(pending.nonce, *record.mutable_nonce());
  SetSecret(pending.code_verifier, *record.mutable_code_verifier());
  record.set_binding_digest(pending.binding_digest);
  SetSecret(pending.caller_context, *record.mutable_caller_context());
  record.set_created_at(ToNanoseconds(pending.created_at));
  record.set_expires_at(ToNanoseconds(pending.expires_at));
  if (pending.dpop_key) SetKey(*pending.dpop_key, *record.mutable_dpop_key());
  SetVersion(record);
  return Serialize(record);
}

absl::StatusOr<PendingAuthorization> ParseAuthorization(std::string_view bytes) {
  v1::AuthorizationRecord record;
  const Wiped wiped(record);
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Unreadable("malformed");
  }
  RETURN_IF_ERROR(CheckVersion(record.version()));
  const auto mode = FromRecord(record.response_mode());
  if (!mode) return Unreadable("malformed");

  PendingAuthorization pending;
  pending.caller = record.caller();
  pending.client = record.client();
  pending.issuer = record.issuer();
  pending.redirect_uri = record.redirect_uri();
  pending.response_type.id_token = record.response_type().id_token();
  pending.response_type.token = record.response_type().token();
  pending.response_mode = *mode;
  pending.scopes = ToScopes(record.scopes());
  pending.audience = record.audience();
  pending.resources = ToTexts(record.resources());
  if (record.has_organization()) pending.organization = record.organization();
  if (record.has_max_age()) pending.max_age = absl::Nanoseconds(record.max_age());
  pending.acr_values = ToTexts(record.acr_values());
  pending.nonce = TakeSecret(record.mutable_nonce());
  pending.code_verifier = TakeSecret(record.mutable_code_verifier());
  pending.binding_digest = record.binding_digest();
  pending.caller_context = TakeSecret(record.mutable_caller_context());
  pending.created_at = FromNanoseconds(record.created_at());
  pending.expires_at = FromNanoseconds(record.expires_at());
  if (record.has_dpop_key()) pending.dpop_key = TakeKey(*record.mutable_dpop_key());
  return pending;
}

Secret SerializeOutcome(const CallbackOutcome& outcome) {
  v1::OutcomeRecord record;
  const Wiped wiped(record);
  SetVersion(record);
  record.set_grant_id(outcome.grant_id);
  SetSecret(outcome.id_token_claims, *record.mutable_id_token_claims());
  if (outcome.front_channel_access_token) {
    SetSecret(*outcome.front_channel_access_token, *record.mutable_front_channel_access_token());
  }
  return Serialize(record);
}

absl::StatusOr<CallbackOutcome> ParseOutcome(std::string_view bytes) {
  v1::OutcomeRecord record;
  const Wiped wiped(record);
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Unreadable("malformed");
  }
  RETURN_IF_ERROR(CheckVersion(record.version()));
  CallbackOutcome outcome;
  outcome.grant_id = record.grant_id();
  outcome.id_token_claims = TakeSecret(record.mutable_id_token_claims());
  if (record.has_front_channel_access_token()) {
    outcome.front_channel_access_token = TakeSecret(record.mutable_front_channel_access_token());
  }
  return outcome;
}

}  // namespace tokenbroker::grants
