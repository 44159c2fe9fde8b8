// From the configuration's words to the provider layer's options.
#pragma once

#include "absl/status/statusor.h"
#include "limits/limit_store.h"
#include "net/curl_http_client.h"
#include "provider/http_provider.h"
#include "tokenbroker/config/v1/config.pb.h"

namespace tokenbroker::wiring {

// The configuration must be one that config::LoadConfig returned: complete and free of
// contradictions. `limit_store` is where replicas share what there is of limits; borrowed. Pure.
provider::HttpProviderOptions ProviderOptionsOf(const config::v1::Provider& provider,
                                                limits::LimitStore* limit_store);

// How requests to this provider may reach it. Each provider has an HTTP client of its own, so that
// what one is allowed to reach does not open the way for another, and a slow one takes no
// connection from the rest.
HttpClientOptions HttpOptionsOf(const config::v1::Provider& provider);

}  // namespace tokenbroker::wiring
