// Everybody who may call the broker. Nobody else may do anything.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "callers/caller.h"

namespace tokenbroker::callers {

// Immutable, so thread-safe. Owns its callers; pointers to them live as long as it does.
class Policy {
 public:
  // Errors: INVALID_REQUEST, with a message that names the callers, where two have the same name or
  // the same identity.
  static absl::StatusOr<std::unique_ptr<const Policy>> Create(std::vector<Caller> callers);

  // Null where there is none.
  const Caller* FindByName(std::string_view name) const;
  const Caller* FindBySpiffeId(std::string_view uri) const;
  const Caller* FindByDnsName(std::string_view name) const;
  const Caller* FindByJwtSubject(std::string_view issuer, std::string_view subject) const;

  const std::vector<Caller>& callers() const { return callers_; }

 private:
  using Index = std::map<std::string, const Caller*, std::less<>>;

  explicit Policy(std::vector<Caller> callers) : callers_(std::move(callers)) {}

  const std::vector<Caller> callers_;
  Index by_name_;
  Index by_spiffe_id_;
  Index by_dns_name_;  // in lower case
  std::map<std::string, Index, std::less<>> by_jwt_issuer_;
};

}  // namespace tokenbroker::callers
