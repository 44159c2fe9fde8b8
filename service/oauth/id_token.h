// What an ID token must say to be believed. Its signature is checked before, by jose::VerifyJws.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/json.h"
#include "base/secret.h"
#include "jose/jws.h"

namespace tokenbroker::oauth {

// The claims that later checks compare with: of the second ID token, of a refreshed one.
struct IdTokenFacts {
  std::string issuer;
  std::string subject;  // unique only together with issuer
  std::vector<std::string> audience;
  std::optional<std::string> authorized_party;
  std::optional<absl::Time> auth_time;
  std::optional<std::string> session_id;  // sid
  absl::Time issued_at;
};

// What the request that an ID token answers expects of it. No member means "unchecked" by being
// empty: issuer, client_id and nonce must be set.
struct ExpectedIdToken {
  std::string issuer;
  std::string client_id;
  const Secret* nonce = nullptr;  // borrowed for the call
  absl::Duration clock_skew = absl::Seconds(60);
  absl::Duration max_issued_ago = absl::Hours(24);  // how old `iat` may be
  std::optional<absl::Duration> max_age;            // as requested
  std::vector<std::string> essential_acr_values;    // any of these will do; empty: not asked for
  std::optional<std::string> organization;  // Auth0: `org_id`, or `org_name` without regard to case
};

// Checks the claims of OIDC Core 3.1.3.7 and 3.3.2.12 and returns what later checks need.
// `now` is wall clock, UTC.
// Errors: CLAIM_MISSING, CLAIM_MALFORMED (metadata `claim`), ISSUER_MISMATCH, AUDIENCE_MISMATCH,
// AZP_MISMATCH, TOKEN_EXPIRED, TOKEN_NOT_YET_VALID, ISSUED_IN_FUTURE, ISSUED_TOO_LONG_AGO,
// NONCE_MISMATCH, AUTH_TIME_MISSING, AUTH_TIME_TOO_OLD, ACR_NOT_MET, ORGANIZATION_MISMATCH.
// Pure and thread-safe. No error carries a claim's value.
absl::StatusOr<IdTokenFacts> ValidateIdToken(const Json& claims, const ExpectedIdToken& expected,
                                             absl::Time now);

// Which hash claims bind what travelled with the ID token.
struct HashBindings {
  const Secret* code = nullptr;          // c_hash, where the code travelled along
  bool code_hash_required = false;       // front channel: yes (3.3.2.11)
  const Secret* access_token = nullptr;  // at_hash
  bool access_token_hash_required = false;
  const Secret* state = nullptr;  // s_hash, checked whenever present
  bool state_hash_required = false;
};

// Checks c_hash, at_hash and s_hash with the hash of the token's own signature algorithm. A hash
// that is present is always checked. Errors: C_HASH_MISSING, C_HASH_MISMATCH, AT_HASH_MISSING,
// AT_HASH_MISMATCH, S_HASH_MISMATCH.
absl::Status CheckHashes(const jose::Jwt& id_token, const Json& claims,
                         const HashBindings& bindings);

// OIDC Core 3.3.3.6: the two ID tokens of a hybrid flow name the same issuer and subject.
// Errors: ISSUER_MISMATCH, SUBJECT_MISMATCH.
absl::Status CheckSameEndUser(const IdTokenFacts& front, const IdTokenFacts& back);

struct RefreshedIdTokenRules {
  std::string client_id;
  absl::Duration clock_skew = absl::Seconds(60);
  bool strict_authorized_party = true;  // Core 12.2; a switch per provider
  bool strict_auth_time = true;
  const Secret* nonce = nullptr;  // the original one where it is still known: absent or equal
};

// OIDC Core 12.2: what an ID token from a refresh must share with the original one.
// Errors: those of ValidateIdToken, and SUBJECT_MISMATCH, AUTH_TIME_MISMATCH.
absl::StatusOr<IdTokenFacts> ValidateRefreshedIdToken(const Json& claims,
                                                      const IdTokenFacts& original,
                                                      const RefreshedIdTokenRules& rules,
                                                      absl::Time now);

}  // namespace tokenbroker::oauth
