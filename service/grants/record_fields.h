// How single values look in a record; shared by the codecs of the two kinds.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/error.h"
#include "base/secret.h"
#include "google/protobuf/message_lite.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "grants/record.pb.h"
#include "grants/stored_key.h"
#include "oauth/scopes.h"

namespace tokenbroker::grants::internal {

// Version 2 knows `dpop_key`.
inline constexpr std::uint32_t kRecordVersion = 2;

using RepeatedBytes = google::protobuf::RepeatedPtrField<std::string>;

inline absl::Status Unreadable(std::string_view check) {
  return Error(Reason::kRecordUnreadable, {{"check", std::string(check)}});
}

// `Record` is one that may have a `dpop_key`, or one of a kind that never has.
template <typename Record>
void SetVersion(Record& record) {
  record.mutable_version()->set_written_by(kRecordVersion);
  record.mutable_version()->set_readable_from(1);
  if constexpr (requires { record.has_dpop_key(); }) {
    if (record.has_dpop_key()) record.mutable_version()->set_readable_from(2);
  }
}

inline absl::Status CheckVersion(const storage::v1::Version& version) {
  if (version.written_by() == 0 || version.readable_from() == 0) return Unreadable("malformed");
  if (version.readable_from() > kRecordVersion) return Unreadable("version");
  return absl::OkStatus();
}

inline std::int64_t ToNanoseconds(absl::Time time) { return absl::ToUnixNanos(time); }

inline absl::Time FromNanoseconds(std::int64_t nanoseconds) {
  if (nanoseconds == std::numeric_limits<std::int64_t>::max()) return absl::InfiniteFuture();
  if (nanoseconds == std::numeric_limits<std::int64_t>::min()) return absl::InfinitePast();
  return absl::FromUnixNanos(nanoseconds);
}

inline void SetTexts(const std::vector<std::string>& texts, RepeatedBytes& field) {
  field.Assign(texts.begin(), texts.end());
}

inline std::vector<std::string> ToTexts(const RepeatedBytes& field) {
  return {field.begin(), field.end()};
}

inline void SetScopes(const oauth::Scopes& scopes, RepeatedBytes& field) {
  SetTexts(scopes.values(), field);
}

inline oauth::Scopes ToScopes(const RepeatedBytes& field) {
  oauth::Scopes scopes;
  for (const std::string& value : field) scopes.Add(value);
  return scopes;
}

inline void SetSecret(const Secret& secret, std::string& field) { field = secret.Reveal(); }

inline Secret TakeSecret(std::string* field) { return Secret::Take(std::move(*field)); }

inline void SetKey(const StoredKey& key, storage::v1::DpopKey& record) {
  record.set_algorithm(key.algorithm);
  SetSecret(key.pem, *record.mutable_pem());
}

inline StoredKey TakeKey(storage::v1::DpopKey& record) {
  return {record.algorithm(), TakeSecret(record.mutable_pem())};
}

// `message` as bytes, in a buffer of exactly their size.
inline Secret Serialize(const google::protobuf::MessageLite& message) {
  return Secret::Take(message.SerializeAsString());
}

}  // namespace tokenbroker::grants::internal
