// A connection to Redis that has been let in: connected, authenticated, on the right database.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/secret.h"
#include "base/task.h"
#include "net/redis_counters.h"
#include "net/redis_peers.h"
#include "net/resp.h"
#include "net/stream.h"

namespace tokenbroker {

// Whom a connection signs in as (AUTH).
struct RedisLogin {
  std::optional<std::string> username = {};  // ACL user. Default: Redis's own default user.
  Secret password = {};
};

// Where to connect, found out anew for every connection. Thread-safe.
class RedisLocator {
 public:
  virtual ~RedisLocator() = default;
  // Must run on a strand. Errors: STORE_UNAVAILABLE with NOT_SENT and a cause.
  virtual Task<StreamEndpoint> Locate() = 0;
  // Whether `endpoint` is still what Locate() would say, as far as is known. It may have changed
  // while a connection there was being made.
  virtual bool IsCurrent(const StreamEndpoint& endpoint) = 0;
};

struct RedisOptions {
  StreamEndpoint endpoint = TcpEndpoint{.host = "127.0.0.1", .port = 6379};
  // Stands in for `endpoint`. A server that it leads to must call itself primary (ROLE).
  std::shared_ptr<RedisLocator> locator = nullptr;
  // Called for every connection, so that what was rotated is used from the next one on. Empty:
  // nobody signs in. Thread-safe.
  std::function<absl::StatusOr<RedisLogin>()> login = {};
  int database = 0;
  // For connecting, TLS included, and as much again for signing in.
  absl::Duration connect_timeout = absl::Seconds(2);
  // The longest that a command waits, whatever its own deadline. A connection that has answered
  // nothing at all for as long, with commands waiting, is given up.
  absl::Duration command_timeout = absl::Seconds(2);
  absl::Duration min_reconnect_delay = absl::Milliseconds(50);
  absl::Duration max_reconnect_delay = absl::Seconds(2);
  // How often a connection that only listens is asked whether it is still there.
  absl::Duration ping_interval = absl::Seconds(1);
  std::size_t max_reply_bytes = 16 << 20;
  std::size_t max_waiting_commands = 10'000;
  // Where RedisConnection counts; may be null.
  std::shared_ptr<RedisCounters> counters = nullptr;
  // The other connections to the same server; null where there are none.
  std::shared_ptr<RedisPeers> peers = nullptr;
};

// One strand.
class RedisSession {
 public:
  // Finds the server, connects and signs in. Must run on a strand. Errors: STORE_UNAVAILABLE with
  // NOT_SENT, as of ConnectStream and the locator, and causes `login` where the login cannot be
  // read, `denied`, `loading`, `not_primary`, `refused` where Redis says no.
  static Task<std::shared_ptr<RedisSession>> Open(std::shared_ptr<const RedisOptions> options);

  RedisSession(std::shared_ptr<Stream> stream, std::size_t max_reply_bytes);

  // Sends `commands` together and returns their replies. One at a time, no deadline.
  Task<std::vector<RedisReply>> Ask(std::vector<RedisCommand> commands);
  // The same, and closes the session where it takes longer than `timeout`: STORE_UNAVAILABLE, cause
  // `timeout`.
  static Task<std::vector<RedisReply>> AskWithin(absl::Duration timeout,
                                                 std::shared_ptr<RedisSession> session,
                                                 std::vector<RedisCommand> commands);

  StatusTask Write(std::string_view bytes, std::size_t& written);
  Task<RedisReply> Read();
  void Close() { stream_->Close(); }

 private:
  const std::shared_ptr<Stream> stream_;
  RespReader reader_;
  std::vector<char> buffer_;
};

}  // namespace tokenbroker
