// Who is calling: from what a caller shows to a caller that policy knows.
//
//   auto recognition = authenticator.Recognise(presented);        // at once, on the hot path
//   if (auto* token = std::get_if<UnverifiedToken>(&recognition)) // a token seen for the first
//   time
//     caller = co_await authenticator.Verify(std::move(*token), deadline);
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/task.h"
#include "callers/bearer_token.h"
#include "callers/caller.h"
#include "callers/policy.h"
#include "callers/verified_tokens.h"

namespace tokenbroker::callers {

// What a caller shows with one RPC.
struct Presented {
  // The `authorization` metadata, where there is any.
  std::optional<std::string_view> authorization = std::nullopt;
  // Subject alternative names of its client certificate, which TLS has verified.
  std::vector<std::string> uri_names = {};
  std::vector<std::string> dns_names = {};
};

// A bearer token that is still to be verified.
struct UnverifiedToken {
  Secret token;
  VerifiedTokens::Place place;
};

// The caller, or why there is none, or what is still to be verified.
using Recognition = std::variant<const Caller*, absl::Status, UnverifiedToken>;

// Thread-safe. Callers that it returns live as long as it does.
class Authenticator {
 public:
  struct Options {
    std::vector<JwtIssuer> issuers = {};
    // Who somebody is who shows nothing at all. For development on one machine.
    std::optional<std::string> anonymous_caller = std::nullopt;
    // A token is verified again after this long, so that a key taken back by its issuer stops
    // working.
    absl::Duration max_token_age = absl::Minutes(5);
    std::size_t max_tokens_per_thread = 4096;
  };

  // Errors: INVALID_REQUEST where the anonymous caller is not in the policy, or two issuers are the
  // same. Borrows the clock.
  static absl::StatusOr<std::unique_ptr<Authenticator>> Create(std::unique_ptr<const Policy> policy,
                                                               Options options, const Clock& clock);

  const Policy& policy() const { return *policy_; }

  // Decides without waiting where that can be. A bearer token, if there is one, is what counts,
  // even beside a certificate; one that is no good is never made up for by anything else.
  //
  // Errors: CALLER_UNAUTHENTICATED where nothing, or nothing usable, is shown; CALLER_NOT_ALLOWED
  // for somebody whom policy does not name. Takes no lock that threads share.
  Recognition Recognise(const Presented& presented) const;

  // Verifies a token and remembers the outcome.
  //
  // Errors: CALLER_UNAUTHENTICATED, with the reason of the check that failed as metadata `check`;
  // CALLER_NOT_ALLOWED; those of IssuerKeys where keys cannot be had. Suspends: where the issuer's
  // keys must be fetched.
  Task<const Caller*> Verify(UnverifiedToken unverified, absl::Time deadline);

 private:
  Authenticator(std::unique_ptr<const Policy> policy, Options options, const Clock& clock);

  Recognition RecogniseToken(std::string_view authorization) const;
  Recognition RecogniseCertificate(const Presented& presented) const;

  const std::unique_ptr<const Policy> policy_;
  const Options options_;
  const Clock& clock_;
  const Caller* anonymous_ = nullptr;
  std::map<std::string, const JwtIssuer*, std::less<>> issuers_;
  VerifiedTokens verified_;
};

}  // namespace tokenbroker::callers
