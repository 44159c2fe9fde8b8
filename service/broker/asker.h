// Who asks, as the use cases need to know it: what policy made of a caller.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "grants/grant.h"
#include "oauth/scopes.h"

namespace tokenbroker::broker {

// Immutable once made; outlives every call made with it. Thread-safe to read.
struct Asker {
  std::string name;
  // Clients by configured name; nothing: any.
  std::optional<std::set<std::string, std::less<>>> clients;
  // What may be asked for; nothing: whatever the client allows.
  std::optional<oauth::Scopes> scopes;
  std::optional<std::set<std::string, std::less<>>> audiences;
  bool sees_grants_of_others = false;

  bool MayUseClient(std::string_view client) const { return !clients || clients->contains(client); }
  // A grant that may not be seen is NOT_FOUND, as if it did not exist.
  bool MaySee(std::string_view owner, std::string_view client) const {
    return (sees_grants_of_others || owner == name) && MayUseClient(client);
  }
};

}  // namespace tokenbroker::broker
