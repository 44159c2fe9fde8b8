// The suite of every store, on Valkey; skipped where it is not installed.
#include "contract/grant_store_contract.h"
#include "contract/redis_harness.h"

namespace tokenbroker::testing {
namespace {

constexpr char kProgram[] = "valkey-server";

class SkipWithoutValkey : public ::testing::Environment {
 public:
  void SetUp() override {
    if (!IsInstalled(kProgram)) GTEST_SKIP() << "valkey-server is not installed";
  }
};

const auto* const kEnvironment = ::testing::AddGlobalTestEnvironment(new SkipWithoutValkey);

}  // namespace

std::unique_ptr<GrantStoreHarness> NewGrantStoreHarness(Runtime& runtime) {
  static const RedisDeployment deployment = OneServer({.program = kProgram});
  return std::make_unique<RedisHarness>(runtime, deployment);
}

}  // namespace tokenbroker::testing
