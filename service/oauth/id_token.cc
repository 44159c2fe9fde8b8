#include "oauth/id_token.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "jose/hash_claim.h"
#include "oauth/claims.h"

namespace tokenbroker::oauth {
namespace {

// Expectations that are lost may not switch a check off.
absl::Status RequireExpectation(bool is_there) {
  return is_there ? absl::OkStatus()
                  : ErrorWithMessage(Reason::kInternal,
                                     "An ID token was to be checked against "
                                     "nothing.");
}

absl::Status CheckIssuer(const Json& claims, std::string_view issuer) {
  ASSIGN_OR_RETURN(const std::string value, RequireString(claims, "iss"));
  return value == issuer ? absl::OkStatus() : Error(Reason::kIssuerMismatch);
}

// A logout token is signed with the same keys for the same client (Back-Channel Logout section 4).
absl::Status RefuseLogoutToken(const Json& claims) {
  return claims.contains("events") ? ClaimMalformed("events") : absl::OkStatus();
}

bool Holds(const std::vector<std::string>& values, std::string_view value) {
  return std::ranges::find(values, value) != values.end();
}

// OIDC Core 3.1.3.7, items 3 to 5. No other audience is ever trusted.
absl::Status CheckAudience(const std::vector<std::string>& audience,
                           const std::optional<std::string>& authorized_party,
                           std::string_view client_id) {
  if (audience.empty() ||
      !std::ranges::all_of(audience, [&](const auto& member) { return member == client_id; })) {
    return Error(Reason::kAudienceMismatch);
  }
  if (authorized_party ? *authorized_party != client_id : audience.size() > 1) {
    return Error(Reason::kAzpMismatch);
  }
  return absl::OkStatus();
}

absl::Status CheckNonce(const Json& claims, const Secret* expected) {
  if (expected == nullptr || expected->empty()) return Error(Reason::kNonceMismatch);
  const auto found = claims.find("nonce");
  if (found == claims.end()) return ClaimMissing("nonce");
  if (!found->is_string()) return ClaimMalformed("nonce");
  return ConstantTimeEquals(found->get_ref<const std::string&>(), expected->Reveal())
             ? absl::OkStatus()
             : Error(Reason::kNonceMismatch);
}

absl::Status CheckAuthTime(const std::optional<absl::Time>& auth_time,
                           const ExpectedIdToken& expected, absl::Time now) {
  if (auth_time && *auth_time > now + expected.clock_skew) return ClaimMalformed("auth_time");
  if (!expected.max_age) return absl::OkStatus();
  if (!auth_time) return Error(Reason::kAuthTimeMissing);
  return *auth_time < now - *expected.max_age - expected.clock_skew ? Error(Reason::kAuthTimeTooOld)
                                                                    : absl::OkStatus();
}

absl::Status CheckAcr(const Json& claims, const std::vector<std::string>& values) {
  if (values.empty()) return absl::OkStatus();
  const auto found = claims.find("acr");
  if (found == claims.end()) return Error(Reason::kAcrNotMet);
  if (!found->is_string()) return ClaimMalformed("acr");
  return Holds(values, found->get_ref<const std::string&>()) ? absl::OkStatus()
                                                             : Error(Reason::kAcrNotMet);
}

// Auth0: an organization is asked for by its id, or by its name without regard to case.
absl::Status CheckOrganization(const Json& claims, const std::optional<std::string>& wanted) {
  if (!wanted) return absl::OkStatus();
  const bool by_id = wanted->starts_with("org_");
  ASSIGN_OR_RETURN(const std::optional<std::string> actual,
                   ReadString(claims, by_id ? "org_id" : "org_name"));
  const bool matches =
      actual && (by_id ? *actual == *wanted : absl::EqualsIgnoreCase(*actual, *wanted));
  return matches ? absl::OkStatus() : Error(Reason::kOrganizationMismatch);
}

struct HashCheck {
  std::string_view claim;
  const Secret* value;
  bool required;
  Reason missing;
  Reason mismatch;
};

absl::Status CheckHash(const jose::Jwt& id_token, const Json& claims, const HashCheck& check) {
  const auto found = claims.find(std::string(check.claim));
  if (found == claims.end()) {
    return check.required ? Error(check.missing) : absl::OkStatus();
  }
  if (!found->is_string()) return ClaimMalformed(check.claim);
  if (check.value == nullptr) {
    return check.required ? Error(check.mismatch) : absl::OkStatus();
  }
  const std::string hash = jose::HashClaim(id_token.hash, check.value->Reveal());
  return ConstantTimeEquals(found->get_ref<const std::string&>(), hash) ? absl::OkStatus()
                                                                        : Error(check.mismatch);
}

// What both kinds of ID tokens say of themselves, types checked, nothing compared yet but `iss`.
absl::StatusOr<IdTokenFacts> ReadFacts(const Json& claims, const std::string& issuer,
                                       absl::Time now) {
  IdTokenFacts facts;
  RETURN_IF_ERROR(CheckIssuer(claims, issuer));
  facts.issuer = issuer;
  RETURN_IF_ERROR(RefuseLogoutToken(claims));
  ASSIGN_OR_RETURN(facts.subject, RequireSubject(claims));
  ASSIGN_OR_RETURN(facts.audience, RequireAudience(claims));
  ASSIGN_OR_RETURN(facts.authorized_party, ReadString(claims, "azp"));
  ASSIGN_OR_RETURN(facts.auth_time, ReadNumericDate(claims, "auth_time", now));
  ASSIGN_OR_RETURN(facts.session_id, ReadString(claims, "sid"));
  return facts;
}

// OIDC Core 12.2: the time of the original authentication, if it is told at all. Where the first
// token did not tell, it can at least not be later than that token.
bool IsOriginalAuthTime(const IdTokenFacts& refreshed, const IdTokenFacts& original,
                        absl::Duration clock_skew) {
  if (!refreshed.auth_time) return true;
  if (original.auth_time) return *refreshed.auth_time == *original.auth_time;
  return *refreshed.auth_time <= original.issued_at + clock_skew;
}

bool CoversOriginalAudience(const IdTokenFacts& refreshed, const IdTokenFacts& original) {
  return std::ranges::all_of(original.audience, [&](const std::string& member) {
    return Holds(refreshed.audience, member);
  });
}

}  // namespace

absl::StatusOr<IdTokenFacts> ValidateIdToken(const Json& claims, const ExpectedIdToken& expected,
                                             absl::Time now) {
  RETURN_IF_ERROR(RequireExpectation(!expected.issuer.empty() && !expected.client_id.empty()));
  ASSIGN_OR_RETURN(IdTokenFacts facts, ReadFacts(claims, expected.issuer, now));
  RETURN_IF_ERROR(CheckAudience(facts.audience, facts.authorized_party, expected.client_id));
  ASSIGN_OR_RETURN(facts.issued_at, CheckLifetime(claims, expected.clock_skew, now));
  if (facts.issued_at < now - expected.max_issued_ago - expected.clock_skew) {
    return Error(Reason::kIssuedTooLongAgo);
  }
  RETURN_IF_ERROR(CheckNonce(claims, expected.nonce));
  RETURN_IF_ERROR(CheckAuthTime(facts.auth_time, expected, now));
  RETURN_IF_ERROR(CheckAcr(claims, expected.essential_acr_values));
  RETURN_IF_ERROR(CheckOrganization(claims, expected.organization));
  return facts;
}

absl::Status CheckHashes(const jose::Jwt& id_token, const Json& claims,
                         const HashBindings& bindings) {
  const HashCheck checks[] = {
      {"c_hash", bindings.code, bindings.code_hash_required, Reason::kCHashMissing,
       Reason::kCHashMismatch},
      {"at_hash", bindings.access_token, bindings.access_token_hash_required,
       Reason::kAtHashMissing, Reason::kAtHashMismatch},
      {"s_hash", bindings.state, bindings.state_hash_required, Reason::kSHashMismatch,
       Reason::kSHashMismatch},
  };
  for (const HashCheck& check : checks) RETURN_IF_ERROR(CheckHash(id_token, claims, check));
  return absl::OkStatus();
}

absl::Status CheckSameEndUser(const IdTokenFacts& front, const IdTokenFacts& back) {
  if (front.issuer != back.issuer) return Error(Reason::kIssuerMismatch);
  if (front.subject != back.subject) return Error(Reason::kSubjectMismatch);
  return absl::OkStatus();
}

absl::StatusOr<IdTokenFacts> ValidateRefreshedIdToken(const Json& claims,
                                                      const IdTokenFacts& original,
                                                      const RefreshedIdTokenRules& rules,
                                                      absl::Time now) {
  RETURN_IF_ERROR(RequireExpectation(!original.issuer.empty() && !original.subject.empty() &&
                                     !rules.client_id.empty()));
  ASSIGN_OR_RETURN(IdTokenFacts facts, ReadFacts(claims, original.issuer, now));
  if (facts.subject != original.subject) return Error(Reason::kSubjectMismatch);
  RETURN_IF_ERROR(CheckAudience(facts.audience, facts.authorized_party, rules.client_id));
  if (!CoversOriginalAudience(facts, original)) return Error(Reason::kAudienceMismatch);
  if (rules.strict_authorized_party && facts.authorized_party != original.authorized_party) {
    return Error(Reason::kAzpMismatch);
  }
  ASSIGN_OR_RETURN(facts.issued_at, CheckLifetime(claims, rules.clock_skew, now));
  if (facts.issued_at < original.issued_at - rules.clock_skew) {
    return Error(Reason::kIssuedTooLongAgo);
  }
  if (rules.strict_auth_time && !IsOriginalAuthTime(facts, original, rules.clock_skew)) {
    return Error(Reason::kAuthTimeMismatch);
  }
  if (rules.nonce != nullptr && claims.contains("nonce")) {
    RETURN_IF_ERROR(CheckNonce(claims, rules.nonce));
  }
  return facts;
}

}  // namespace tokenbroker::oauth
