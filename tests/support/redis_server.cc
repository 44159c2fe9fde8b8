#include "support/redis_server.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace tokenbroker::testing {
namespace {

// A port that was free a moment ago. The kernel hands such ports out in turn, so nobody else gets
// the same one soon.
std::uint16_t FreePort() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(probe, reinterpret_cast<sockaddr*>(&address), size) != 0) std::abort();
  getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size);
  close(probe);
  return ntohs(address.sin_port);
}

}  // namespace

std::function<absl::StatusOr<RedisLogin>()> LoginWith(std::string password) {
  return [password = std::move(password)]() -> absl::StatusOr<RedisLogin> {
    return RedisLogin{.password = Secret(password)};
  };
}

bool IsInstalled(const std::string& program) {
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (access((folder + "/" + program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

RedisServer::RedisServer(RedisServerOptions options)
    : options_(std::move(options)),
      unix_path_(directory_.path() + "/redis.sock"),
      port_(FreePort()),
      tls_port_(FreePort()) {
  if (!options_.sentinel.empty()) {
    const std::string settings = "port " + std::to_string(port_) + "\nbind 127.0.0.1\ndir " +
                                 directory_.path() + "\n" + options_.sentinel;
    command_ = {options_.program, directory_.Write("sentinel.conf", settings), "--sentinel"};
    if (options_.start) Start();
    return;
  }
  command_ = {options_.program,
              "--dir",
              directory_.path(),
              "--unixsocket",
              unix_path_,
              "--port",
              std::to_string(port_),
              "--bind",
              "127.0.0.1",
              "--save",
              "",
              "--daemonize",
              "no",
              "--enable-debug-command",
              "yes"};
  const auto add = [this](std::initializer_list<std::string> arguments) {
    command_.insert(command_.end(), arguments);
  };
  if (!options_.password.empty()) add({"--requirepass", options_.password});
  if (options_.cluster) {
    add({"--cluster-enabled", "yes", "--cluster-port", std::to_string(FreePort())});
    add({"--cluster-node-timeout", "1000", "--cluster-replica-validity-factor", "0"});
  }
  if (options_.append_only) add({"--appendonly", "yes", "--appendfsync", "always"});
  if (options_.tls_authority != nullptr) {
    CertificateOptions names;
    names.dns_names = {"localhost"};
    const PemPair certificate = options_.tls_authority->Issue(names);
    add({"--tls-port", std::to_string(tls_port_)});
    add({"--tls-cert-file", directory_.Write("server.pem", certificate.certificate)});
    add({"--tls-key-file", directory_.Write("server.key", certificate.key)});
    add({"--tls-ca-cert-file", directory_.Write("ca.pem", options_.tls_authority->certificate())});
    add({"--tls-auth-clients", options_.demand_client_certificate ? "yes" : "no"});
    CertificateOptions client;
    client.common_name = "redis client";
    const PemPair client_certificate = options_.tls_authority->Issue(client);
    directory_.Write("client.pem", client_certificate.certificate);
    directory_.Write("client.key", client_certificate.key);
  }
  command_.insert(command_.end(), options_.arguments.begin(), options_.arguments.end());
  if (options_.start) Start();
}

RedisServer::~RedisServer() { Kill(); }

void RedisServer::Start() {
  int pipe_ends[2] = {};
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) std::abort();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDERR_FILENO);
  std::vector<char*> arguments;
  for (std::string& argument : command_) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  if (posix_spawnp(&process_, arguments.front(), &actions, nullptr, arguments.data(), environ) !=
      0) {
    std::fprintf(stderr, "%s cannot be started; is it installed?\n", options_.program.c_str());
    std::abort();
  }
  posix_spawn_file_actions_destroy(&actions);
  close(pipe_ends[1]);
  log_.clear();
  log_ended_ = false;
  log_reader_ = std::thread([this, end = pipe_ends[0]] { ReadLog(end); });
  // The last line of a start on a Unix socket.
  const std::string ready = "ready to accept connections at " + unix_path_;
  const std::string ready_since_8 = "Ready to accept connections unix";
  const std::string ready_sentinel = "Sentinel ID is";
  std::unique_lock lock(mutex_);
  log_changed_.wait(lock, [&] {
    return log_ended_ || log_.find(ready) != std::string::npos ||
           log_.find(ready_since_8) != std::string::npos ||
           log_.find(ready_sentinel) != std::string::npos;
  });
  if (log_ended_) {
    std::fprintf(stderr, "redis-server did not come up:\n%s\n", log_.c_str());
    std::abort();
  }
}

void RedisServer::ReadLog(int pipe) {
  char buffer[4096];
  ssize_t count = 0;
  while ((count = read(pipe, buffer, sizeof buffer)) > 0) {
    {
      const std::lock_guard lock(mutex_);
      log_.append(buffer, static_cast<std::size_t>(count));
    }
    log_changed_.notify_all();
  }
  close(pipe);
  {
    const std::lock_guard lock(mutex_);
    log_ended_ = true;
  }
  log_changed_.notify_all();
}

std::string RedisServer::Log() const {
  const std::lock_guard lock(mutex_);
  return log_;
}

void RedisServer::Kill() {
  if (process_ < 0) return;
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  process_ = -1;
  log_reader_.join();
  unlink(unix_path_.c_str());
}

void RedisServer::Pause() {
  // A process id of -1 would mean everybody.
  if (process_ < 0) std::abort();
  kill(process_, SIGSTOP);
  int status = 0;
  waitpid(process_, &status, WUNTRACED);
}

void RedisServer::Resume() {
  if (process_ < 0) std::abort();
  kill(process_, SIGCONT);
}

std::shared_ptr<RedisOptions> RedisServer::Options() const {
  auto options = std::make_shared<RedisOptions>();
  options->endpoint = UnixEndpoint{unix_path_};
  if (!options_.password.empty()) options->login = LoginWith(options_.password);
  return options;
}

std::shared_ptr<RedisOptions> RedisServer::TcpOptions() const {
  auto options = Options();
  options->endpoint = TcpEndpoint{.host = "127.0.0.1", .port = port_};
  return options;
}

std::shared_ptr<RedisOptions> RedisServer::TlsOptions() const {
  auto options = Options();
  TlsClientOptions tls;
  tls.ca_file = directory_.path() + "/ca.pem";
  tls.client_certificate =
      ClientCertificate{directory_.path() + "/client.pem", directory_.path() + "/client.key"};
  options->endpoint = TcpEndpoint{.host = "localhost", .port = tls_port_, .tls = std::move(tls)};
  return options;
}

}  // namespace tokenbroker::testing
