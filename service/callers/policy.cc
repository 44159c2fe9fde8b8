#include "callers/policy.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "base/status_macros.h"

namespace tokenbroker::callers {
namespace {

using Index = std::map<std::string, const Caller*, std::less<>>;

std::string LowerCase(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

const Caller* FindIn(const Index& index, std::string_view key) {
  const auto found = index.find(key);
  return found == index.end() ? nullptr : found->second;
}

absl::Status AddTo(Index& index, std::string key, const Caller& caller) {
  const auto [entry, added] = index.emplace(std::move(key), &caller);
  if (added) return absl::OkStatus();
  return ErrorWithMessage(Reason::kInvalidRequest,
                          absl::StrCat("Callers ", entry->second->name, " and ", caller.name,
                                       " cannot be told apart: both are ", entry->first, "."));
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Policy>> Policy::Create(std::vector<Caller> callers) {
  std::unique_ptr<Policy> policy(new Policy(std::move(callers)));
  for (const Caller& caller : policy->callers_) {
    RETURN_IF_ERROR(AddTo(policy->by_name_, caller.name, caller));
    for (const Identity& identity : caller.identities) {
      if (const auto* spiffe = std::get_if<SpiffeId>(&identity)) {
        RETURN_IF_ERROR(AddTo(policy->by_spiffe_id_, spiffe->uri, caller));
      } else if (const auto* dns = std::get_if<DnsName>(&identity)) {
        RETURN_IF_ERROR(AddTo(policy->by_dns_name_, LowerCase(dns->name), caller));
      } else {
        const auto& jwt = std::get<JwtSubject>(identity);
        RETURN_IF_ERROR(AddTo(policy->by_jwt_issuer_[jwt.issuer], jwt.subject, caller));
      }
    }
  }
  return policy;
}

const Caller* Policy::FindByName(std::string_view name) const { return FindIn(by_name_, name); }

const Caller* Policy::FindBySpiffeId(std::string_view uri) const {
  return FindIn(by_spiffe_id_, uri);
}

const Caller* Policy::FindByDnsName(std::string_view name) const {
  return FindIn(by_dns_name_, LowerCase(name));
}

const Caller* Policy::FindByJwtSubject(std::string_view issuer, std::string_view subject) const {
  const auto found = by_jwt_issuer_.find(issuer);
  return found == by_jwt_issuer_.end() ? nullptr : FindIn(found->second, subject);
}

}  // namespace tokenbroker::callers
