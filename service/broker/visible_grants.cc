#include "broker/visible_grants.h"

#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "grants/page_size.h"

namespace tokenbroker::broker {

Task<grants::GrantPage> ListVisibleGrants(grants::GrantStore& store, const Asker& asker,
                                          grants::GrantFilter filter, std::size_t page_size,
                                          std::string page_token) {
  if (filter.client && !asker.MayUseClient(*filter.client)) {
    co_return Error(Reason::kClientUnknown);
  }
  if (!asker.sees_grants_of_others) filter.caller = asker.name;
  CO_ASSIGN_OR_RETURN(grants::GrantPage page,
                      co_await store.ListGrants(std::move(filter), grants::PageSize(page_size),
                                                std::move(page_token)));
  std::erase_if(page.grants, [&](const grants::Grant& grant) {
    return !asker.MaySee(grant.caller, grant.client);
  });
  co_return page;
}

}  // namespace tokenbroker::broker
