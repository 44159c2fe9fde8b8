// Two replicas on one Redis, which all tests of the process share, emptied for each.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/error.h"
#include "contract/grant_store_contract.h"
#include "grants/seal.h"
#include "net/redis_connection.h"
#include "net/runtime.h"
#include "storage/redis/redis_grant_store.h"
#include "support/manual_clock.h"
#include "support/redis_deployment.h"
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
  // Borrows `deployment`.
  RedisHarness(Runtime& runtime, const RedisDeployment& deployment)
      : runtime_(runtime),
        deployment_(deployment),
        plain_(PlainConnections()),
        flushed_(Flush()),
        options_{.redis = Patient(deployment.redis),
                 .connections = 2,
                 .key_prefix = "tb",
                 .replication = ReplicationOf(deployment),
                 .sentinel = deployment.sentinel,
                 .cluster = deployment.cluster},
        store_(runtime, clock_, ring_, options_),
        other_(runtime, clock_, ring_, options_) {}

  grants::GrantStore& store() override { return store_; }
  grants::GrantStore& other_replica() override { return other_; }
  limits::LimitStore& limit_store() override { return store_; }
  limits::LimitStore& other_limit_store() override { return other_; }
  storage::RedisGrantStore& redis_store() { return store_; }
  ManualClock& clock() override { return clock_; }

  // Redis has no clock that a test could move; so what is left of every key's life is cut instead,
  // and what is remembered of its clock is moved back.
  void Elapse(absl::Duration duration) override {
    static constexpr std::string_view kShorten = R"lua(
      for _, key in ipairs(redis.call('KEYS', '*')) do
        if string.find(key, ':limit:', 1, true) then
          for _, field in ipairs({'at', 'cool_until'}) do
            if redis.call('HEXISTS', key, field) == 1 then
              redis.call('HINCRBY', key, field, -ARGV[1])
            end
          end
        end
        local left = redis.call('PTTL', key)
        if left >= 0 then
          redis.call('PEXPIRE', key, left - ARGV[1])
        end
      end)lua";
    AskAll(
        {"EVAL", std::string(kShorten), "0", std::to_string(absl::ToInt64Milliseconds(duration))});
    clock_.Advance(duration);
  }

  // A command of the test's own, to the first server.
  RedisReply Ask(RedisCommand command) { return AskServer(0, std::move(command)); }
  // Waits for a server that is coming back.
  RedisReply AskServer(std::size_t server, RedisCommand command) {
    const absl::Time end = absl::Now() + absl::Minutes(1);
    auto reply = RunBlocking(runtime_, plain_[server]->Command(command, absl::InfiniteFuture()));
    while (HasReason(reply.status(), Reason::kStoreUnavailable) && absl::Now() < end) {
      absl::SleepFor(absl::Milliseconds(20));
      reply = RunBlocking(runtime_, plain_[server]->Command(command, absl::InfiniteFuture()));
    }
    EXPECT_OK(reply);
    if (!reply.ok()) return {};
    EXPECT_EQ(reply->Error(), nullptr) << (reply->Error() ? reply->Error()->message : "");
    return *std::move(reply);
  }
  // To all servers; replicas may refuse it.
  bool AskAll(const RedisCommand& command) {
    bool ok = true;
    for (const auto& connection : plain_) {
      const auto reply =
          RunBlocking(runtime_, connection->Command(command, absl::InfiniteFuture()));
      ok = ok && reply.ok();
    }
    return ok;
  }

  // With time enough for a machine under load.
  static std::shared_ptr<const RedisOptions> PatientOptions(const RedisServer& server) {
    return Patient(server.Options());
  }

  // A test that kills it starts it again.
  RedisServer& server() { return *deployment_.servers.front(); }
  const RedisDeployment& deployment() const { return deployment_; }
  const storage::RedisStoreOptions& options() const { return options_; }

 private:
  static std::shared_ptr<const RedisOptions> Patient(
      const std::shared_ptr<const RedisOptions>& options) {
    auto patient = std::make_shared<RedisOptions>(*options);
    patient->command_timeout = absl::Seconds(30);
    patient->connect_timeout = absl::Seconds(30);
    return patient;
  }

  // Where a primary may be killed, what was answered must be at its replica.
  static RedisReplication ReplicationOf(const RedisDeployment& deployment) {
    if (!deployment.sentinel && !deployment.cluster) return {};
    return {.wait_replicas = std::nullopt, .wait_timeout = absl::Milliseconds(500)};
  }

  std::vector<std::unique_ptr<RedisConnection>> PlainConnections() {
    std::vector<std::unique_ptr<RedisConnection>> connections;
    for (const auto& server : deployment_.servers) {
      connections.push_back(
          std::make_unique<RedisConnection>(runtime_, system_clock_, PatientOptions(*server)));
    }
    return connections;
  }

  bool Flush() { return AskAll({"FLUSHALL"}); }

  Runtime& runtime_;
  const RedisDeployment& deployment_;
  SystemClock system_clock_;
  const std::vector<std::unique_ptr<RedisConnection>> plain_;
  const bool flushed_;
  const storage::RedisStoreOptions options_;
  ManualClock clock_;
  const grants::KeyRing ring_ = RingOf({"2026"});
  storage::RedisGrantStore store_;
  storage::RedisGrantStore other_;
};

}  // namespace tokenbroker::testing
