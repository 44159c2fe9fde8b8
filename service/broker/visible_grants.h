// The grants that an asker may see.
#pragma once

#include <cstddef>
#include <string>

#include "base/task.h"
#include "broker/asker.h"
#include "grants/grant_store.h"

namespace tokenbroker::broker {

// A page of them; `page_size` is what is wished for, 0 for no wish. Both arguments outlive the
// task. Errors: CLIENT_UNKNOWN for a filter by a client that `asker` may not use; those of
// GrantStore::ListGrants. Suspends as that.
Task<grants::GrantPage> ListVisibleGrants(grants::GrantStore& store, const Asker& asker,
                                          grants::GrantFilter filter, std::size_t page_size,
                                          std::string page_token);

}  // namespace tokenbroker::broker
