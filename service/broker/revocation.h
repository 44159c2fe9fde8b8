// RevokeGrant: the grant is dropped here always, and at the provider where it can be (RFC 7009).
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/task.h"
#include "broker/client.h"
#include "grants/grant_store.h"
#include "net/runtime.h"
#include "oauth/token_response.h"

namespace tokenbroker::broker {

// A token to be revoked, with its token_type_hint.
struct IssuedToken {
  Secret value;
  std::string type;
};

// Copies of what the provider issued, refresh token first.
std::vector<IssuedToken> TokensOf(const oauth::TokenResponse& response);
std::vector<IssuedToken> TokensOf(const grants::Grant& grant);

// Revokes one after the other. Once a refresh token is revoked a failure on the access tokens is
// none: they end by themselves. Errors: those of Provider::Revoke for the refresh token;
// OPERATION_NOT_SUPPORTED for a provider without revocation.
StatusTask RevokeAtProvider(const Client& client, std::vector<IssuedToken> tokens,
                            absl::Time deadline);

// The same without anybody waiting, for tokens that must not be used; best effort.
void RevokeInBackground(Runtime& runtime, ClientPtr client, std::vector<IssuedToken> tokens,
                        const Clock& clock);

// How long an ended grant is remembered, so that nothing revives it.
inline constexpr absl::Duration kTombstoneLifetime = absl::Hours(24 * 7);

// What came of a revocation.
struct RevokedGrant {
  grants::Grant grant;       // its tombstone
  bool at_provider = false;  // the provider confirmed that its tokens are revoked
};

// Thread-safe. Borrows everything given to it.
class Revocation {
 public:
  Revocation(const Clients& clients, grants::GrantStore& store, const Clock& clock,
             Runtime& runtime);

  // Ends the grant here, then at the provider. The provider's failure is not the caller's: the
  // grant is gone. Revoking it again returns the same tombstone. Errors: GRANT_UNKNOWN,
  // STORE_UNAVAILABLE.
  Task<RevokedGrant> Revoke(const Asker& asker, std::string grant_id, absl::Time deadline);

 private:
  const Clients& clients_;
  grants::GrantStore& store_;
  const Clock& clock_;
  Runtime& runtime_;
};

}  // namespace tokenbroker::broker
