#include "grants/grant.h"

#include <utility>

namespace tokenbroker::grants {
namespace {

std::optional<Secret> CopyOf(const std::optional<Secret>& secret) {
  if (!secret) return std::nullopt;
  return secret->Copy();
}

}  // namespace

Grant Grant::Copy() const {
  Grant copy;
  copy.id = id;
  copy.caller = caller;
  copy.client = client;
  copy.provider = provider;
  copy.id_token = id_token;
  copy.raw_id_token = CopyOf(raw_id_token);
  copy.nonce = CopyOf(nonce);
  copy.scopes = scopes;
  copy.audience = audience;
  copy.created_at = created_at;
  copy.last_refreshed_at = last_refreshed_at;
  copy.next_refresh_at = next_refresh_at;
  copy.ends_at = ends_at;
  copy.last_used_at = last_used_at;
  copy.state = state;
  copy.ended_because = ended_because;
  copy.generation = generation;
  copy.refresh_token = CopyOf(refresh_token);
  for (const auto& [selector, token] : access_tokens) {
    copy.access_tokens.emplace(selector, token.Copy());
  }
  copy.intent = intent;
  copy.dpop_key = grants::CopyOf(dpop_key);
  copy.unrecognised = unrecognised.Copy();
  return copy;
}

void Grant::DropSecrets() {
  raw_id_token.reset();
  nonce.reset();
  refresh_token.reset();
  access_tokens.clear();
  dpop_key.reset();
  // It may hold a token of a kind that this version has never heard of.
  unrecognised = Secret();
}

Grant Grant::Tombstone(GrantState state_at_end, std::string because) const {
  Grant tombstone = Copy();
  tombstone.DropSecrets();
  tombstone.state = state_at_end;
  tombstone.ended_because = std::move(because);
  tombstone.generation = generation + 1;
  tombstone.next_refresh_at.reset();
  tombstone.intent.reset();
  return tombstone;
}

}  // namespace tokenbroker::grants
