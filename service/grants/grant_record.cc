#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/unknown_field_set.h"
#include "grants/record.h"
#include "grants/record_fields.h"

namespace tokenbroker::grants {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using namespace internal;  // NOLINT(google-build-using-namespace): the other half of this codec

namespace v1 = storage::v1;

// Wipes the secrets of a record, whose strings the library would just free.
class Wiped {
 public:
  explicit Wiped(v1::GrantRecord& record) : record_(record) {}
  ~Wiped() {
    if (record_.has_raw_id_token()) WipeString(*record_.mutable_raw_id_token());
    if (record_.has_nonce()) WipeString(*record_.mutable_nonce());
    if (record_.has_refresh_token()) WipeString(*record_.mutable_refresh_token());
    if (record_.has_dpop_key()) WipeString(*record_.mutable_dpop_key()->mutable_pem());
    for (v1::AccessToken& token : *record_.mutable_access_tokens()) {
      WipeString(*token.mutable_value());
    }
  }
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;

 private:
  v1::GrantRecord& record_;
};

// Clears every field that this version knows, down through single messages, so that what is left
// is what it does not know.
void ClearKnown(Message& message) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field->is_repeated()) {
      Message& inner = *message.GetReflection()->MutableMessage(&message, field);
      ClearKnown(inner);
      if (inner.ByteSizeLong() > 0) continue;
    }
    message.GetReflection()->ClearField(&message, field);
  }
}

bool HasUnknown(const Message& message) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  if (!reflection.GetUnknownFields(message).empty()) return true;
  const google::protobuf::Descriptor& descriptor = *message.GetDescriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor* field = descriptor.field(i);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field->is_repeated() &&
        reflection.HasField(message, field) && HasUnknown(reflection.GetMessage(message, field))) {
      return true;
    }
  }
  return false;
}

// What of the record this version does not know: mostly nothing, which is found out for much less
// than clearing costs. The record is used up.
Secret UnrecognisedOf(Message& record) {
  if (!HasUnknown(record)) return {};
  ClearKnown(record);
  return Serialize(record);
}

v1::GrantState ToRecord(GrantState state) {
  switch (state) {
    case GrantState::kActive:
      return v1::GRANT_STATE_ACTIVE;
    case GrantState::kReauthorizationRequired:
      return v1::GRANT_STATE_REAUTHORIZATION_REQUIRED;
    case GrantState::kRevoked:
      return v1::GRANT_STATE_REVOKED;
  }
  return v1::GRANT_STATE_UNSPECIFIED;
}

std::optional<GrantState> FromRecord(v1::GrantState state) {
  switch (state) {
    case v1::GRANT_STATE_ACTIVE:
      return GrantState::kActive;
    case v1::GRANT_STATE_REAUTHORIZATION_REQUIRED:
      return GrantState::kReauthorizationRequired;
    case v1::GRANT_STATE_REVOKED:
      return GrantState::kRevoked;
    default:
      return std::nullopt;
  }
}

void SetFacts(const oauth::IdTokenFacts& facts, v1::IdTokenFacts& record) {
  record.set_issuer(facts.issuer);
  record.set_subject(facts.subject);
  SetTexts(facts.audience, *record.mutable_audience());
  if (facts.authorized_party) record.set_authorized_party(*facts.authorized_party);
  if (facts.auth_time) record.set_auth_time(ToNanoseconds(*facts.auth_time));
  if (facts.session_id) record.set_session_id(*facts.session_id);
  record.set_issued_at(ToNanoseconds(facts.issued_at));
}

oauth::IdTokenFacts ToFacts(const v1::IdTokenFacts& record) {
  oauth::IdTokenFacts facts;
  facts.issuer = record.issuer();
  facts.subject = record.subject();
  facts.audience = ToTexts(record.audience());
  if (record.has_authorized_party()) facts.authorized_party = record.authorized_party();
  if (record.has_auth_time()) facts.auth_time = FromNanoseconds(record.auth_time());
  if (record.has_session_id()) facts.session_id = record.session_id();
  facts.issued_at = FromNanoseconds(record.issued_at());
  return facts;
}

void SetToken(const TokenSelector& selector, const AccessToken& token, v1::AccessToken& record) {
  record.ParseFromArray(token.unrecognised.Reveal().data(),
                        static_cast<int>(token.unrecognised.size()));
  record.set_selector_audience(selector.audience);
  SetScopes(selector.scopes, *record.mutable_selector_scopes());
  SetSecret(token.value, *record.mutable_value());
  record.set_token_type(token.token_type);
  record.set_expires_at(ToNanoseconds(token.expires_at));
  record.set_obtained_at(ToNanoseconds(token.obtained_at));
  SetScopes(token.scopes, *record.mutable_scopes());
}

void AddToken(v1::AccessToken& record, std::map<TokenSelector, AccessToken>& tokens) {
  TokenSelector selector{record.selector_audience(), ToScopes(record.selector_scopes())};
  AccessToken token;
  token.value = TakeSecret(record.mutable_value());
  token.token_type = record.token_type();
  token.expires_at = FromNanoseconds(record.expires_at());
  token.obtained_at = FromNanoseconds(record.obtained_at());
  token.scopes = ToScopes(record.scopes());
  token.unrecognised = UnrecognisedOf(record);
  tokens.insert_or_assign(std::move(selector), std::move(token));
}

}  // namespace

Secret SerializeGrant(const Grant& grant) {
  v1::GrantRecord record;
  const Wiped wiped(record);
  record.ParseFromArray(grant.unrecognised.Reveal().data(),
                        static_cast<int>(grant.unrecognised.size()));
  record.set_id(grant.id);
  record.set_caller(grant.caller);
  record.set_client(grant.client);
  record.set_provider(grant.provider);
  SetFacts(grant.id_token, *record.mutable_id_token());
  if (grant.raw_id_token) SetSecret(*grant.raw_id_token, *record.mutable_raw_id_token());
  if (grant.nonce) SetSecret(*grant.nonce, *record.mutable_nonce());
  SetScopes(grant.scopes, *record.mutable_scopes());
  record.set_audience(grant.audience);
  record.set_created_at(ToNanoseconds(grant.created_at));
  if (grant.last_refreshed_at) {
    record.set_last_refreshed_at(ToNanoseconds(*grant.last_refreshed_at));
  }
  if (grant.next_refresh_at) record.set_next_refresh_at(ToNanoseconds(*grant.next_refresh_at));
  if (grant.ends_at) record.set_ends_at(ToNanoseconds(*grant.ends_at));
  record.set_last_used_at(ToNanoseconds(grant.last_used_at));
  record.set_state(ToRecord(grant.state));
  record.set_ended_because(grant.ended_because);
  record.set_generation(grant.generation);
  if (grant.refresh_token) SetSecret(*grant.refresh_token, *record.mutable_refresh_token());
  for (const auto& [selector, token] : grant.access_tokens) {
    SetToken(selector, token, *record.add_access_tokens());
  }
  if (grant.intent) {
    v1::RefreshIntent& intent = *record.mutable_intent();
    intent.set_holder(grant.intent->holder);
    intent.set_fence(grant.intent->fence);
    intent.set_sent_at(ToNanoseconds(grant.intent->sent_at));
    intent.set_replayed(grant.intent->replayed);
  }
  if (grant.dpop_key) SetKey(*grant.dpop_key, *record.mutable_dpop_key());
  SetVersion(record);
  return Serialize(record);
}

absl::StatusOr<Grant> ParseGrant(std::string_view bytes) {
  v1::GrantRecord record;
  const Wiped wiped(record);
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Unreadable("malformed");
  }
  RETURN_IF_ERROR(CheckVersion(record.version()));
  const auto state = FromRecord(record.state());
  if (!state || record.id().empty()) return Unreadable("malformed");

  Grant grant;
  grant.state = *state;
  grant.id = record.id();
  grant.caller = record.caller();
  grant.client = record.client();
  grant.provider = record.provider();
  grant.id_token = ToFacts(record.id_token());
  if (record.has_raw_id_token()) grant.raw_id_token = TakeSecret(record.mutable_raw_id_token());
  if (record.has_nonce()) grant.nonce = TakeSecret(record.mutable_nonce());
  grant.scopes = ToScopes(record.scopes());
  grant.audience = record.audience();
  grant.created_at = FromNanoseconds(record.created_at());
  if (record.has_last_refreshed_at()) {
    grant.last_refreshed_at = FromNanoseconds(record.last_refreshed_at());
  }
  if (record.has_next_refresh_at()) {
    grant.next_refresh_at = FromNanoseconds(record.next_refresh_at());
  }
  if (record.has_ends_at()) grant.ends_at = FromNanoseconds(record.ends_at());
  grant.last_used_at = FromNanoseconds(record.last_used_at());
  grant.ended_because = record.ended_because();
  grant.generation = record.generation();
  if (record.has_refresh_token()) grant.refresh_token = TakeSecret(record.mutable_refresh_token());
  for (v1::AccessToken& token : *record.mutable_access_tokens()) {
    AddToken(token, grant.access_tokens);
  }
  if (record.has_intent()) {
    const v1::RefreshIntent& intent = record.intent();
    grant.intent = RefreshIntent{.holder = intent.holder(),
                                 .fence = intent.fence(),
                                 .sent_at = FromNanoseconds(intent.sent_at()),
                                 .replayed = intent.replayed()};
    record.clear_intent();  // what a newer version says of an intent goes with the intent
  }
  if (record.has_dpop_key()) grant.dpop_key = TakeKey(*record.mutable_dpop_key());
  grant.unrecognised = UnrecognisedOf(record);
  return grant;
}

}  // namespace tokenbroker::grants
