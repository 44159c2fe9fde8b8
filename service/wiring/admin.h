// What the admin service shows of the running parts.
#pragma once

#include "base/clock.h"
#include "broker/broker.h"
#include "broker/scheduler.h"
#include "grants/grant_store.h"
#include "rpc/admin_service.h"
#include "wiring/reload.h"

namespace tokenbroker::wiring {

// Borrows everything: it must outlive the server.
rpc::AdminSources AdminSourcesOf(const broker::Scheduler& scheduler, broker::Broker& broker,
                                 grants::GrantStore& store, const ProviderSet& providers,
                                 Reload& reload, const Clock& clock);

}  // namespace tokenbroker::wiring
