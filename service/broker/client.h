// The clients: the broker's registrations at providers, as configured.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "broker/asker.h"
#include "jose/algorithm.h"
#include "jose/private_key.h"
#include "oauth/response_type.h"
#include "oauth/scopes.h"
#include "provider/provider.h"

namespace tokenbroker::broker {

// When an access token is renewed.
struct RefreshRules {
  double fraction = 0.8;                        // of the lifetime, 0 to 1
  double jitter = 0.05;                         // of the lifetime, either way; stable per grant
  absl::Duration floor = absl::Seconds(30);     // never more often than this, unless expired
  absl::Duration idle_after = absl::Hours(24);  // without use; then left to be refreshed on demand
  std::optional<absl::Duration> refresh_token_idle_lifetime = {};  // at the provider
  absl::Duration request_timeout = absl::Seconds(30);
  absl::Duration lease = absl::Seconds(5);  // renewed while the provider is slow
};

// When authorization requests are pushed to the provider (RFC 9126). It is also done wherever the
// provider's metadata requires it.
enum class PushedRequests { kWhenRequired, kWhenOffered, kAlways };

// Immutable once made.
struct Client {
  std::string name;
  std::shared_ptr<provider::Provider> provider;
  provider::Registration registration;
  std::vector<std::string> redirect_uris;              // matched byte for byte
  std::vector<std::string> post_logout_redirect_uris;  // the same
  std::vector<oauth::ResponseType> response_types;
  oauth::ResponseType default_response_type;
  std::vector<oauth::ResponseMode> response_modes;
  // The algorithm of authorization responses that are JWTs (JARM), as registered at the provider.
  jose::Algorithm authorization_signed_response_alg = jose::Algorithm::kRS256;
  // An authorization response must have `iss` (RFC 9207), whatever the provider promises.
  bool requires_issuer_parameter = false;
  bool requires_state_hash = false;  // an ID token of the front channel must have s_hash
  PushedRequests pushed_requests = PushedRequests::kWhenRequired;
  std::optional<jose::PrivateKey> request_object_key;  // signs authorization requests, RFC 9101
  oauth::Scopes scopes;                                // that may be asked for
  oauth::Scopes default_scopes;
  std::vector<std::string> audiences;  // that may be asked for
  std::string default_audience;        // may be empty
  std::vector<std::string> resources;  // that may be asked for, RFC 8707
  bool expose_front_channel_access_token = false;
  bool confirms_access_tokens = false;     // by introspection, RFC 7662
  bool allows_token_exchange = false;      // RFC 8693
  bool allows_client_credentials = false;  // tokens of the client's own, RFC 6749 section 4.4
  // What the proofs of its new grants are signed with (RFC 9449); none: bearer tokens. A grant that
  // is there stays as it was made.
  std::optional<jose::Algorithm> dpop_algorithm;
  absl::Duration authorization_request_lifetime = absl::Minutes(10);
  absl::Duration grant_absolute_lifetime = absl::Hours(24 * 365);  // from the sign-in
  absl::Duration grant_idle_lifetime = absl::Hours(24 * 30);       // from the last use
  std::optional<absl::Duration> max_age;                           // where the request does not say
  std::map<std::string, std::string> extra_parameters;  // sent with every authorization request
  std::vector<std::string> essential_acr_values;
  absl::Duration id_token_max_issued_ago = absl::Hours(24);
  RefreshRules refresh;
};

// Keeps a client as it was when it was found, whatever the configuration says since.
using ClientPtr = std::shared_ptr<const Client>;

// What a token is for, as a request says it to the provider.
struct Target {
  std::optional<std::string> audience;  // Auth0's `audience`
  std::vector<std::string> resources;   // RFC 8707's `resource`
};

// Whether tokens for `audience` may be asked for: one of `audiences`, the default, or a resource.
bool MayTarget(const Client& client, const std::string& audience);

// How the provider is told of `audience`, which MayTarget allows: as a resource where it is nothing
// else; "" as neither.
Target TargetOf(const Client& client, const std::string& audience);

// Thread-safe.
class Clients {
 public:
  explicit Clients(std::vector<Client> clients);

  // Puts others in the place of all; what was found before stays as it is.
  void Replace(std::vector<Client> clients) ABSL_LOCKS_EXCLUDED(mutex_);

  // Errors: CLIENT_UNKNOWN, also for a client that exists but that `asker` may not use.
  absl::StatusOr<ClientPtr> Find(std::string_view name, const Asker& asker) const;
  // Without a caller's eyes, for the broker's own work. Null where there is none.
  ClientPtr FindAny(std::string_view name) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Table = std::map<std::string, ClientPtr, std::less<>>;

  mutable Mutex mutex_;
  Table clients_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker::broker
