#include <string>
#include <utility>

#include "base/status_macros.h"
#include "grants/record.h"
#include "grants/record_fields.h"

namespace tokenbroker::grants {
namespace {

using namespace internal;  // NOLINT(google-build-using-namespace): the other half of this codec

namespace v1 = storage::v1;

}  // namespace

Secret SerializeAnswer(const GrantCommit& commit, const FinishedSignIn* sign_in) {
  v1::AnswerRecord record;
  SetVersion(record);
  SetSecret(SerializeGrant(commit.grant), *record.mutable_grant());
  record.set_expected_generation(commit.expected_generation);
  if (sign_in != nullptr) {
    SetSecret(sign_in->state, *record.mutable_state());
    SetSecret(SerializeOutcome(sign_in->outcome), *record.mutable_outcome());
  }
  Secret bytes = Serialize(record);
  WipeString(*record.mutable_grant());
  WipeString(*record.mutable_state());
  WipeString(*record.mutable_outcome());
  return bytes;
}

absl::StatusOr<SpooledAnswer> ParseAnswer(std::string_view bytes) {
  v1::AnswerRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Unreadable("malformed");
  }
  const Secret inner = TakeSecret(record.mutable_grant());
  Secret state = TakeSecret(record.mutable_state());
  const Secret outcome = TakeSecret(record.mutable_outcome());
  RETURN_IF_ERROR(CheckVersion(record.version()));
  SpooledAnswer answer;
  ASSIGN_OR_RETURN(answer.commit.grant, ParseGrant(inner.Reveal()));
  answer.commit.expected_generation = record.expected_generation();
  if (!state.empty()) {
    answer.sign_in.emplace();
    answer.sign_in->state = std::move(state);
    ASSIGN_OR_RETURN(answer.sign_in->outcome, ParseOutcome(outcome.Reveal()));
  }
  return answer;
}

Secret SerializeRevocation(const PendingRevocation& revocation) {
  v1::RevocationRecord record;
  SetVersion(record);
  record.set_id(revocation.id);
  record.set_client(revocation.client);
  for (const RevocableToken& token : revocation.tokens) {
    v1::RevocableToken& added = *record.add_tokens();
    SetSecret(token.value, *added.mutable_value());
    added.set_type(token.type);
  }
  record.set_queued_at(ToNanoseconds(revocation.queued_at));
  record.set_attempts(static_cast<std::uint32_t>(revocation.attempts));
  Secret bytes = Serialize(record);
  for (v1::RevocableToken& token : *record.mutable_tokens()) WipeString(*token.mutable_value());
  return bytes;
}

absl::StatusOr<PendingRevocation> ParseRevocation(std::string_view bytes) {
  v1::RevocationRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Unreadable("malformed");
  }
  PendingRevocation revocation;
  for (v1::RevocableToken& token : *record.mutable_tokens()) {
    revocation.tokens.push_back({TakeSecret(token.mutable_value()), token.type()});
  }
  RETURN_IF_ERROR(CheckVersion(record.version()));
  if (record.id().empty()) return Unreadable("malformed");
  revocation.id = record.id();
  revocation.client = record.client();
  revocation.queued_at = FromNanoseconds(record.queued_at());
  revocation.attempts = static_cast<int>(record.attempts());
  return revocation;
}

}  // namespace tokenbroker::grants
