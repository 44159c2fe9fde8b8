// The ID tokens that come with tokens from the token endpoint: signature, claims, hashes together.
#pragma once

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/task.h"
#include "broker/client.h"
#include "grants/grant.h"
#include "oauth/id_token.h"
#include "oauth/token_response.h"

namespace tokenbroker::broker {

// A check that failed on an answer of the token, userinfo or revocation endpoint: the provider's
// fault, not the caller's. PROVIDER_RESPONSE_INVALID with the failed check in metadata `check`;
// errors that are no failed check (an unreachable provider, a denial by policy) stay as they are.
absl::Status AsProviderFault(absl::Status failure);

// Whether keys that cannot be fetched are tried again, for some seconds.
enum class KeyPatience { kNone, kSome };

// Checks the ID token of a refresh, if there is one, against the grant (OIDC Core 12.2), its
// signature and at_hash included. An ID token that was encrypted is replaced by the signed
// one inside. Errors: those of jose::VerifyJws,
// oauth::ValidateRefreshedIdToken and oauth::CheckHashes; PROVIDER_UNAVAILABLE where the keys stay
// away.
StatusTask CheckRefreshedIdToken(const Client& client, const grants::Grant& grant,
                                 oauth::TokenResponse& response, const Clock& clock,
                                 KeyPatience patience);

// A token of the provider's whose signature has been verified, with its claims.
struct VerifiedToken {
  Secret signed_token;  // without the encryption that it came in
  jose::Jwt jwt;
  Json claims;
};

// Decrypts it where the client gets its tokens encrypted, verifies the signature and parses the
// claims.
// Errors: those of provider::Decrypt, Provider::VerifySignature and jose::ParseClaims.
Task<VerifiedToken> VerifyToken(const Client& client, provider::TokenKind kind, Secret token,
                                absl::Time deadline);

}  // namespace tokenbroker::broker
