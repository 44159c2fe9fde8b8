// Which server is primary, as Redis Sentinels say it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "base/task.h"
#include "net/redis_session.h"
#include "net/redis_subscriber.h"
#include "net/runtime.h"
#include "net/stream.h"

namespace tokenbroker {

struct RedisSentinelOptions {
  std::string master_name;
  // How to reach each Sentinel: its endpoint and login, time-outs.
  std::vector<std::shared_ptr<const RedisOptions>> sentinels;
  // Of the primary; host and port are what the Sentinels say.
  std::optional<TlsClientOptions> primary_tls = {};
  std::optional<std::string> primary_server_name = {};
};

// Asks the Sentinels one after the other, first the one that answered last. They number their
// decisions (config-epoch): a Sentinel that has slept through one is passed over while another
// knows better. Thread-safe.
class RedisSentinels final : public RedisLocator,
                             public std::enable_shared_from_this<RedisSentinels> {
 public:
  // Borrows `runtime`.
  static std::shared_ptr<RedisSentinels> Create(Runtime& runtime, RedisSentinelOptions options);

  // Errors: STORE_UNAVAILABLE with NOT_SENT, and cause `sentinel` where none answers or none knows
  // the name.
  Task<StreamEndpoint> Locate() override;
  bool IsCurrent(const StreamEndpoint& endpoint) override ABSL_LOCKS_EXCLUDED(mutex_);

  // The primary that Locate() last said; nothing before the first time.
  struct Primary {
    std::string host;
    std::string port;
    int replicas = 0;  // all that the Sentinel knew of, those included that were down or gone
  };
  std::optional<Primary> Followed() ABSL_LOCKS_EXCLUDED(mutex_);

  // Starts to listen to all Sentinels for `+switch-master`: `moved` is called, on one of the
  // runtime's threads, when the primary is another than Locate() last said, or when Locate() says
  // another than before. Once.
  void Watch(std::function<void()> moved);
  // After this `moved` is not called any more.
  void StopWatching();

 private:
  struct Answer {
    std::string host;
    std::string port;
    std::uint64_t epoch = 0;
    std::uint64_t replicas = 0;
  };

  RedisSentinels(Runtime& runtime, RedisSentinelOptions options)
      : runtime_(runtime), options_(std::move(options)) {}

  Task<Answer> Ask(std::size_t sentinel) const;
  absl::StatusOr<StreamEndpoint> Follow(Answer answer, std::size_t sentinel)
      ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsOutdated(const Answer& answer) ABSL_LOCKS_EXCLUDED(mutex_);
  std::size_t First() ABSL_LOCKS_EXCLUDED(mutex_);

  // What a Sentinel that is listened to says.
  void OnMessage(std::size_t sentinel, const RedisReply& payload);
  // For what was missed while it was not: asks that Sentinel again.
  static asio::awaitable<void> CatchUp(std::shared_ptr<RedisSentinels> self, std::size_t sentinel);
  void TellIfMoved(const std::string& host, const std::string& port, std::size_t sentinel)
      ABSL_LOCKS_EXCLUDED(mutex_);

  Runtime& runtime_;
  const RedisSentinelOptions options_;

  Mutex mutex_;
  std::size_t first_ ABSL_GUARDED_BY(mutex_) = 0;    // to be asked
  std::uint64_t epoch_ ABSL_GUARDED_BY(mutex_) = 0;  // the latest heard of
  std::string host_ ABSL_GUARDED_BY(mutex_);         // what Locate() last said; empty: nothing
  std::string port_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t replicas_ ABSL_GUARDED_BY(mutex_) = 0;  // that it had then
  std::function<void()> moved_ ABSL_GUARDED_BY(mutex_);

  std::vector<std::unique_ptr<RedisSubscriber>> subscribers_;  // constant after Watch()
};

}  // namespace tokenbroker
