// The grant: what a finished sign-in leaves. The record behind every access token.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "base/secret.h"
#include "grants/stored_key.h"
#include "oauth/id_token.h"
#include "oauth/scopes.h"

namespace tokenbroker::grants {

// Which of a grant's access tokens: a reduced scope set or another audience is a token of its own.
struct TokenSelector {
  std::string audience;  // empty: the grant's own
  oauth::Scopes scopes;  // empty: everything granted

  friend bool operator==(const TokenSelector&, const TokenSelector&) = default;
  friend auto operator<=>(const TokenSelector&, const TokenSelector&) = default;
};

struct AccessToken {
  Secret value;
  std::string token_type;
  absl::Time expires_at;
  absl::Time obtained_at;
  oauth::Scopes scopes;      // as granted for this token
  Secret unrecognised = {};  // what a newer version stored with it; goes when the token goes

  AccessToken Copy() const {
    return {value.Copy(), token_type, expires_at, obtained_at, scopes, unrecognised.Copy()};
  }
};

enum class GrantState { kActive, kReauthorizationRequired, kRevoked };

// Written before a refresh token leaves, so that whoever comes after a crash knows that it may be
// spent.
struct RefreshIntent {
  std::string holder;  // replica that sent, or was about to send; empty: no answer will come
  std::uint64_t fence = 0;
  absl::Time sent_at;
  bool replayed = false;  // the one replay inside the provider's reuse leeway has been made

  friend bool operator==(const RefreshIntent&, const RefreshIntent&) = default;
};

// Thread-compatible value; move-only because of the secrets in it.
struct Grant {
  std::string id;      // 128 bits or more from the CSPRNG, base64url
  std::string caller;  // who made it; NOT_FOUND to others unless policy says otherwise
  std::string client;  // configured name
  std::string provider;
  oauth::IdTokenFacts id_token;        // of the sign-in: issuer, subject, sid, …
  std::optional<Secret> raw_id_token;  // for id_token_hint at logout
  std::optional<Secret> nonce;         // a refreshed ID token may repeat it
  oauth::Scopes scopes;                // granted
  std::string audience;                // as asked for at sign-in; may be empty
  absl::Time created_at;
  std::optional<absl::Time> last_refreshed_at;
  std::optional<absl::Time> next_refresh_at;  // the schedule's entry; none: not scheduled
  std::optional<absl::Time> ends_at;          // absolute end, where the client has one
  absl::Time last_used_at;

  GrantState state = GrantState::kActive;
  std::string ended_because;     // for an ended grant: `invalid_grant`, `revoked`, `logout`, …
  std::uint64_t generation = 0;  // +1 with every token stored, and with the end

  std::optional<Secret> refresh_token;
  std::map<TokenSelector, AccessToken> access_tokens;
  std::optional<RefreshIntent> intent;
  std::optional<StoredKey> dpop_key;  // what its tokens are bound to (RFC 9449), for all its life

  // What a newer version stored that this one does not know, kept by every rewriting, so that old
  // and new replicas can serve side by side. Empty in a new grant.
  Secret unrecognised;

  // A second copy, made on purpose.
  Grant Copy() const;
  // Without its tokens, as it lies in a tombstone.
  void DropSecrets();
  // What is stored in its place when it ends: a copy without tokens, schedule and intent, of the
  // next generation. `state` is not kActive.
  Grant Tombstone(GrantState state, std::string because) const;
};

}  // namespace tokenbroker::grants
