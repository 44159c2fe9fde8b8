// Grants and pending authorizations with every field set, for tests of what stores them.
// Every secret in them holds the word "secret", so that a test can look for what leaked.
#pragma once

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "grants/grant.h"
#include "grants/pending_authorization.h"
#include "grants/record.h"

namespace tokenbroker::testing {

// Active, of generation 0, as it is before it is stored.
inline grants::Grant SampleGrant(const std::string& id, absl::Time created_at) {
  grants::Grant grant;
  grant.id = id;
  grant.caller = "spiffe://example.test/web";
  grant.client = "web";
  grant.provider = "acme";
  grant.id_token.issuer = "https://op.example.test";
  grant.id_token.subject = "secret-subject";
  grant.id_token.audience = {"web-client"};
  grant.id_token.authorized_party = "web-client";
  grant.id_token.auth_time = created_at - absl::Seconds(5);
  grant.id_token.session_id = "secret-sid";
  grant.id_token.issued_at = created_at;
  grant.raw_id_token = Secret("secret-id-token");
  grant.nonce = Secret("secret-nonce");
  grant.scopes = {"openid", "read", "write"};
  grant.audience = "https://api.example.test";
  grant.created_at = created_at;
  grant.last_used_at = created_at;
  grant.refresh_token = Secret("secret-refresh-token");
  grant.dpop_key = grants::StoredKey{.algorithm = "ES256", .pem = Secret("secret-dpop-key")};
  grants::AccessToken token;
  token.value = Secret("secret-access-token");
  token.token_type = "Bearer";
  token.obtained_at = created_at;
  token.expires_at = created_at + absl::Minutes(5);
  token.scopes = grant.scopes;
  grant.access_tokens.emplace(grants::TokenSelector{}, token.Copy());
  token.value = Secret("secret-reduced-token");
  token.scopes = {"read"};
  grant.access_tokens.emplace(grants::TokenSelector{"https://other.example.test", {"read"}},
                              token.Copy());
  return grant;
}

inline grants::PendingAuthorization SampleAuthorization(absl::Time created_at) {
  grants::PendingAuthorization pending;
  pending.caller = "spiffe://example.test/web";
  pending.client = "web";
  pending.issuer = "https://op.example.test";
  pending.redirect_uri = "https://web.example.test/callback";
  pending.response_type = {.id_token = true, .token = false};
  pending.response_mode = oauth::ResponseMode::kFragment;
  pending.scopes = {"openid", "read"};
  pending.audience = "https://api.example.test";
  pending.resources = {"https://api.example.test/a", "https://api.example.test/b"};
  pending.organization = "org_1";
  pending.max_age = absl::Seconds(0);
  pending.acr_values = {"urn:mfa"};
  pending.nonce = Secret("secret-nonce");
  pending.code_verifier = Secret("secret-verifier");
  pending.dpop_key = grants::StoredKey{.algorithm = "ES256", .pem = Secret("secret-dpop-key")};
  pending.binding_digest = "secret-binding-digest";
  pending.caller_context = Secret(std::string_view("secret\0context\xff", 15));
  pending.created_at = created_at;
  pending.expires_at = created_at + absl::Minutes(10);
  return pending;
}

inline grants::CallbackOutcome SampleOutcome(const std::string& grant_id) {
  grants::CallbackOutcome outcome;
  outcome.grant_id = grant_id;
  outcome.id_token_claims = Secret(R"({"sub":"secret-subject"})");
  outcome.front_channel_access_token = Secret("secret-front-channel-token");
  return outcome;
}

// Everything in a value, for comparing two.
inline Secret EverythingIn(const grants::Grant& grant) { return grants::SerializeGrant(grant); }
inline Secret EverythingIn(const grants::PendingAuthorization& pending) {
  return grants::SerializeAuthorization(pending);
}
inline Secret EverythingIn(const grants::CallbackOutcome& outcome) {
  return grants::SerializeOutcome(outcome);
}

}  // namespace tokenbroker::testing
