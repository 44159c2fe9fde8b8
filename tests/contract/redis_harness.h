// Two replicas on one redis-server, which all tests of the process share, emptied for each.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "contract/grant_store_contract.h"
#include "grants/seal.h"
#include "net/redis_connection.h"
#include "net/runtime.h"
#include "storage/redis/redis_grant_store.h"
#include "support/manual_clock.h"
#include "support/redis_server.h"

namespace tokenbroker::testing {

inline grants::KeyRing RingOf(const std::vector<std::string>& ids) {
  std::vector<grants::SealingKey> keys;
  for (const std::string& id : ids) {
    std::string key = "key of " + id;
    key.resize(grants::kSealingKeySize, '.');
    keys.push_back({id, Secret(key)});
  }
  auto ring = grants::KeyRing::Create(std::move(keys));
  EXPECT_OK(ring);
  return *std::move(ring);
}

class RedisHarness final : public GrantStoreHarness {
 public:
  explicit RedisHarness(Runtime& runtime)
      : runtime_(runtime),
        plain_(runtime, system_clock_, PatientOptions(server_)),
        flushed_(Ask({"FLUSHALL"}).IsOk()),
        options_{.redis = PatientOptions(server_), .connections = 2, .key_prefix = "tb"},
        store_(runtime, clock_, ring_, options_),
        other_(runtime, clock_, ring_, options_) {}

  grants::GrantStore& store() override { return store_; }
  grants::GrantStore& other_replica() override { return other_; }
  ManualClock& clock() override { return clock_; }

  // Redis has no clock that a test could move; so what is left of every key's life is cut instead.
  void Elapse(absl::Duration duration) override {
    static constexpr std::string_view kShorten = R"lua(
      for _, key in ipairs(redis.call('KEYS', '*')) do
        local left = redis.call('PTTL', key)
        if left >= 0 then
          redis.call('PEXPIRE', key, left - ARGV[1])
        end
      end)lua";
    Ask({"EVAL", std::string(kShorten), "0", std::to_string(absl::ToInt64Milliseconds(duration))});
    clock_.Advance(duration);
  }

  // A command of the test's own.
  RedisReply Ask(RedisCommand command) {
    auto reply = RunBlocking(runtime_, plain_.Command(std::move(command), absl::InfiniteFuture()));
    EXPECT_OK(reply);
    if (!reply.ok()) return {};
    EXPECT_EQ(reply->Error(), nullptr) << (reply->Error() ? reply->Error()->message : "");
    return *std::move(reply);
  }

  // With time enough for a machine under load.
  static std::shared_ptr<const RedisOptions> PatientOptions(const RedisServer& server) {
    std::shared_ptr<RedisOptions> options = server.Options();
    options->command_timeout = absl::Seconds(30);
    options->connect_timeout = absl::Seconds(30);
    return options;
  }

  // A test that kills it starts it again.
  RedisServer& server() { return server_; }
  const storage::RedisStoreOptions& options() const { return options_; }

 private:
  static RedisServer& SharedServer() {
    static RedisServer server;
    return server;
  }

  Runtime& runtime_;
  RedisServer& server_ = SharedServer();
  SystemClock system_clock_;
  RedisConnection plain_;
  const bool flushed_;
  const storage::RedisStoreOptions options_;
  ManualClock clock_;
  const grants::KeyRing ring_ = RingOf({"2026"});
  storage::RedisGrantStore store_;
  storage::RedisGrantStore other_;
};

}  // namespace tokenbroker::testing
