#include "grants/grant_filter.h"

#include "absl/strings/str_cat.h"
#include "base/base64url.h"
#include "base/error.h"

namespace tokenbroker::grants {
namespace {

bool Equals(const std::optional<std::string>& wanted, const std::string& value) {
  return !wanted || *wanted == value;
}

// Different filters give different text, whatever is in their members.
std::string Describe(const GrantFilter& filter) {
  std::string text = "page of";
  for (const auto* member :
       {&filter.caller, &filter.client, &filter.subject, &filter.issuer, &filter.session_id}) {
    if (*member) {
      absl::StrAppend(&text, " ", (*member)->size(), ":", **member);
    } else {
      absl::StrAppend(&text, " -");
    }
  }
  if (filter.state) absl::StrAppend(&text, " ", static_cast<int>(*filter.state));
  return text;
}

}  // namespace

bool Matches(const GrantFilter& filter, const Grant& grant) {
  return Equals(filter.caller, grant.caller) && Equals(filter.client, grant.client) &&
         Equals(filter.subject, grant.id_token.subject) &&
         Equals(filter.issuer, grant.id_token.issuer) &&
         (!filter.session_id || filter.session_id == grant.id_token.session_id) &&
         (!filter.state || *filter.state == grant.state);
}

std::string SealPageToken(const KeyRing& ring, const GrantFilter& filter, std::string_view cursor) {
  return Base64UrlEncode(ring.Seal(Secret(cursor), {.name = Describe(filter)}));
}

absl::StatusOr<std::string> OpenPageToken(const KeyRing& ring, const GrantFilter& filter,
                                          std::string_view token) {
  const auto sealed = Base64UrlDecode(token);
  if (!sealed) return Error(Reason::kPageTokenInvalid);
  const auto cursor = ring.Open(*sealed, {.name = Describe(filter)});
  if (!cursor.ok()) return Error(Reason::kPageTokenInvalid);
  return std::string(cursor->Reveal());
}

}  // namespace tokenbroker::grants
