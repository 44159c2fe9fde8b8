// From the configuration's words to the use cases' clients and limits.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/client.h"
#include "config/config.h"
#include "provider/provider.h"

namespace tokenbroker::wiring {

using Providers = std::map<std::string, std::shared_ptr<provider::Provider>>;

// `providers` by configured name; the configuration must be one that config::LoadConfig returned.
std::vector<broker::Client> ClientsOf(const config::LoadedConfig& loaded,
                                      const Providers& providers);

}  // namespace tokenbroker::wiring
