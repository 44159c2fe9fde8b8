// A caller: a workload that calls the broker, as configured.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tokenbroker::callers {

// The URI of a client certificate, compared byte for byte: `spiffe://example.com/ns/shop/sa/web`.
struct SpiffeId {
  std::string uri;
};

// A DNS name of a client certificate; letters' case does not matter, no wildcards on either side.
struct DnsName {
  std::string name;
};

// `iss` and `sub` of a bearer JWT, byte for byte.
struct JwtSubject {
  std::string issuer;
  std::string subject;
};

using Identity = std::variant<SpiffeId, DnsName, JwtSubject>;

enum class GrantVisibility {
  kOwn,  // the grants that it made
  kAll,  // those of every caller, as far as it may use their clients
};

using Names = std::set<std::string, std::less<>>;

// What proves that somebody is this caller, and what it may do then: nothing that is not named.
// Immutable once it is part of a Policy.
struct Caller {
  std::string name;  // in logs and in grants
  std::vector<Identity> identities = {};
  // `GetGrant`; `*` for all of TokenBroker; `Admin/ListGrants`; `Admin/*`. `*` does not cover
  // Admin.
  Names rpcs = {};
  // By configured name; nothing: every client.
  std::optional<Names> clients = Names();
  // What it may ask for; nothing: whatever the client allows.
  std::optional<Names> scopes = std::nullopt;
  std::optional<Names> audiences = std::nullopt;
  GrantVisibility grants = GrantVisibility::kOwn;

  // `rpc` as in `rpcs`, without wildcard.
  bool MayCall(std::string_view rpc) const;
};

}  // namespace tokenbroker::callers
