#include "grants/pending_authorization.h"

namespace tokenbroker::grants {

PendingAuthorization PendingAuthorization::Copy() const {
  PendingAuthorization copy;
  copy.caller = caller;
  copy.client = client;
  copy.issuer = issuer;
  copy.redirect_uri = redirect_uri;
  copy.response_type = response_type;
  copy.response_mode = response_mode;
  copy.scopes = scopes;
  copy.audience = audience;
  copy.resources = resources;
  copy.organization = organization;
  copy.max_age = max_age;
  copy.acr_values = acr_values;
  copy.nonce = nonce.Copy();
  copy.code_verifier = code_verifier.Copy();
  copy.dpop_key = CopyOf(dpop_key);
  copy.binding_digest = binding_digest;
  copy.caller_context = caller_context.Copy();
  copy.created_at = created_at;
  copy.expires_at = expires_at;
  return copy;
}

CallbackOutcome CallbackOutcome::Copy() const {
  CallbackOutcome copy;
  copy.grant_id = grant_id;
  copy.id_token_claims = id_token_claims.Copy();
  if (front_channel_access_token) {
    copy.front_channel_access_token = front_channel_access_token->Copy();
  }
  return copy;
}

}  // namespace tokenbroker::grants
