// The suite of every store, on Redis over TCP, as an ACL user with no more rights than are needed.
#include "contract/grant_store_contract.h"
#include "contract/redis_harness.h"

namespace tokenbroker::testing {

std::unique_ptr<GrantStoreHarness> NewGrantStoreHarness(Runtime& runtime) {
  static const RedisDeployment deployment = OneServerOverTcp();
  return std::make_unique<RedisHarness>(runtime, deployment);
}

}  // namespace tokenbroker::testing
