// A revocation that the provider has not confirmed yet.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "base/secret.h"

namespace tokenbroker::grants {

// A token that is to be revoked, with its token_type_hint (RFC 7009 section 2.1).
struct RevocableToken {
  Secret value;
  std::string type;

  RevocableToken Copy() const { return {value.Copy(), type}; }
};

// Thread-compatible value; move-only because of the secrets in it.
struct PendingRevocation {
  std::string id;                      // random, base64url
  std::string client;                  // configured name
  std::vector<RevocableToken> tokens;  // refresh token first
  absl::Time queued_at;
  int attempts = 0;  // that failed

  PendingRevocation Copy() const {
    PendingRevocation copy{
        .id = id, .client = client, .tokens = {}, .queued_at = queued_at, .attempts = attempts};
    for (const RevocableToken& token : tokens) copy.tokens.push_back(token.Copy());
    return copy;
  }
};

}  // namespace tokenbroker::grants
