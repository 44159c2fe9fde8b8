#include "broker/administration.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "broker/visible_grants.h"
#include "grants/page_size.h"

namespace tokenbroker::broker {
namespace {

// The asker with everybody's grants in view.
Asker Operator(const Asker& asker) {
  Asker all = asker;
  all.sees_grants_of_others = true;
  return all;
}

// What makes a refresh of it, whatever its lifetime: the very token that it holds is not wanted.
RefreshNeed NeedOfAnother(const grants::Grant& grant) {
  RefreshNeed need;
  const auto own = grant.access_tokens.find(need.selector);
  if (own != grant.access_tokens.end()) need.rejected_access_token = own->second.value.Copy();
  return need;
}

}  // namespace

Task<grants::GrantPage> Administration::ListGrants(const Asker& asker, grants::GrantFilter filter,
                                                   std::size_t page_size, std::string page_token) {
  const Asker all = Operator(asker);
  co_return co_await ListVisibleGrants(store_, all, std::move(filter), page_size,
                                       std::move(page_token));
}

Task<grants::Grant> Administration::RefreshGrant(const Asker& asker, std::string grant_id,
                                                 absl::Time deadline) {
  if (grant_id.empty()) co_return FieldError("grant_id", "is missing");
  const Asker all = Operator(asker);
  CO_ASSIGN_OR_RETURN(const grants::Grant grant, co_await store_.FindGrant(grant_id));
  if (!all.MaySee(grant.caller, grant.client)) co_return Error(Reason::kGrantUnknown);
  RefreshNeed need = NeedOfAnother(grant);
  CO_RETURN_IF_ERROR(co_await refresh_.Renew(grant_id, std::move(need), deadline));
  co_return co_await store_.FindGrant(std::move(grant_id));
}

Task<RevocationPage> Administration::RevokeGrants(const Asker& asker, RevocationWish wish,
                                                  absl::Time deadline) {
  if (wish.client.empty()) co_return FieldError("client", "is missing");
  const Asker all = Operator(asker);
  CO_RETURN_IF_ERROR(clients_.Find(wish.client, all).status());
  grants::GrantFilter filter{.client = wish.client, .subject = wish.subject};
  filter.state = grants::GrantState::kActive;
  CO_ASSIGN_OR_RETURN(const grants::GrantPage page,
                      co_await ListVisibleGrants(store_, all, std::move(filter), wish.page_size,
                                                 std::move(wish.page_token)));
  RevocationPage done{.next_page_token = page.next_page_token};
  for (const grants::Grant& grant : page.grants) {
    if (clock_.Now() >= deadline) co_return Error(Reason::kDeadlineExceeded);
    const auto revoked = co_await revocation_.Revoke(all, grant.id, deadline);
    // It may have run out since it was listed.
    if (HasReason(revoked.status(), Reason::kGrantUnknown)) continue;
    if (!revoked.ok()) co_return revoked.status();
    ++done.revoked;
  }
  co_return done;
}

Task<grants::RewrapPage> Administration::RewrapGrants(std::size_t page_size,
                                                      std::string page_token) {
  return store_.RewrapGrants(grants::PageSize(page_size), std::move(page_token));
}

}  // namespace tokenbroker::broker
