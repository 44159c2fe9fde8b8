// DPoP: proofs that whoever sends a request holds the key that its token is bound to (RFC 9449).
//
//   const oauth::DpopTarget target{.http_method = "GET", .http_uri = url, .nonce = nonce};
//   ASSIGN_OR_RETURN(const Secret proof,
//                    oauth::MakeDpopProof(*key, target, &token, RandomToken(16), now));
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/secret.h"
#include "jose/private_key.h"
#include "oauth/token_response.h"

namespace tokenbroker::oauth {

// The key that tokens are bound to, shared by whoever proves possession of it; null where tokens
// are bearer tokens.
using DpopKey = std::shared_ptr<const jose::PrivateKey>;

// The request that a proof is for.
struct DpopTarget {
  std::string http_method;
  std::string http_uri;  // absolute
  std::string nonce;     // the newest one that the server gave; empty: none
};

// Checks a target that a caller named: a method as RFC 9110 section 9.1 writes them, an absolute
// http or https URI without userinfo, query and fragment, up to 8192 bytes, and a nonce of up to
// 1024 characters of RFC 9449 section 8.1 or none. Pure, like all below.
// Errors: INVALID_REQUEST with field `dpop_proof_for.http_method`, `….http_uri` or `….nonce`.
absl::Status CheckDpopTarget(const DpopTarget& target);

// Whether `text` can be a nonce (RFC 9449 section 8.1): 1 to 1024 characters NQCHAR.
bool IsDpopNonce(std::string_view text);

// A proof for one request (RFC 9449 section 4.2), with the public half of `key` in its header. A
// query and a fragment of the target's URI are left out, as section 4.2 says.
//
//   access_token  the token that goes along, whose hash becomes `ath`; null where none does
//   jti           never used before; 96 random bits at least
//
// Errors: INTERNAL where OpenSSL fails.
absl::StatusOr<Secret> MakeDpopProof(const jose::PrivateKey& key, const DpopTarget& target,
                                     const Secret* access_token, std::string_view jti,
                                     absl::Time now);

// Whether the server did not carry out the request, because its proof lacks a good nonce (RFC 9449
// sections 8 and 9): 400 or 401 with `error` = `use_dpop_nonce`, in the body or, with 401, in
// `www_authenticate`.
bool AsksForDpopNonce(const HttpAnswer& answer, std::string_view www_authenticate);

}  // namespace tokenbroker::oauth
