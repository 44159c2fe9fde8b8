// A real redis-server of the test's own.
//
//   RedisServer server;                       // on a Unix socket in its own directory, not
//   persistent RedisConnection redis(runtime, clock, server.Options()); server.Kill(); // kill -9
//   server.Start();                           // empty again, unless started with append_only
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/redis_session.h"
#include "support/temp_dir.h"
#include "support/test_certificates.h"

namespace tokenbroker::testing {

struct RedisServerOptions {
  std::string password = {};
  bool append_only = false;                      // every write is on disk before it is answered
  const TestAuthority* tls_authority = nullptr;  // listens with TLS too, for "localhost"
  bool demand_client_certificate = false;        // of that authority
  std::vector<std::string> arguments = {};       // more of redis-server's
  bool start = true;
  std::string program = "redis-server";
  bool cluster = false;  // a server of a cluster, which is yet to be made
  // Lines of a Sentinel's configuration: then it is one, and holds nothing.
  std::string sentinel = {};
};

// Whether `program` can be run.
bool IsInstalled(const std::string& program);

// The login of Redis's default user.
std::function<absl::StatusOr<RedisLogin>()> LoginWith(std::string password);

// Thread-compatible. A server that does not come up ends the test process, with its log on stderr.
class RedisServer {
 public:
  explicit RedisServer(RedisServerOptions options = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  // Returns when the server takes commands.
  void Start();
  // Ends it at once, as a crash does; returns when it is gone.
  void Kill();
  void Restart() {
    Kill();
    Start();
  }
  // Stops it from running (its sockets stay open), and lets it go on.
  void Pause();
  void Resume();

  // What it has printed since it was started last.
  std::string Log() const;

  const std::string& unix_path() const { return unix_path_; }
  std::uint16_t port() const { return port_; }          // plaintext, on 127.0.0.1
  std::uint16_t tls_port() const { return tls_port_; }  // with tls_authority

  // How to reach it over the Unix socket.
  std::shared_ptr<RedisOptions> Options() const;
  std::shared_ptr<RedisOptions> TcpOptions() const;
  // TLS to "localhost", with a client certificate.
  std::shared_ptr<RedisOptions> TlsOptions() const;

 private:
  void ReadLog(int pipe);

  const RedisServerOptions options_;
  const TempDir directory_;
  const std::string unix_path_;
  const std::uint16_t port_;
  const std::uint16_t tls_port_;
  std::vector<std::string> command_;
  int process_ = -1;
  std::thread log_reader_;
  mutable std::mutex mutex_;
  std::condition_variable log_changed_;
  std::string log_;
  bool log_ended_ = false;
};

}  // namespace tokenbroker::testing
