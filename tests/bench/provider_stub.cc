#include "bench/provider_stub.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string_view>
#include <vector>

namespace tokenbroker::bench {
namespace {

constexpr std::size_t kTokenSize = 800;
constexpr std::string_view kMark = "refresh_token=RT.";

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::_Exit(1);
}

std::string Response() {
  const std::string body = R"({"access_token":")" + std::string(kTokenSize, 'x') +
                           R"(","token_type":"Bearer","expires_in":3600})";
  return "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncache-control: no-store\r\n"
         "content-length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::int64_t UnixMicroseconds() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// One thread, one loop.
class Stub {
 public:
  Stub(int listener, int commands, int answers)
      : listener_(listener), commands_(commands), answers_(answers) {}

  [[noreturn]] void Run() {
    while (true) {
      std::vector<pollfd> wanted = {{commands_, POLLIN, 0}, {listener_, POLLIN, 0}};
      for (const auto& [socket, text] : peers_) wanted.push_back({socket, POLLIN, 0});
      if (::poll(wanted.data(), wanted.size(), -1) < 0) Die("poll");
      if (wanted[0].revents != 0) Report();
      if (wanted[1].revents != 0) Accept();
      for (std::size_t i = 2; i < wanted.size(); ++i) {
        if (wanted[i].revents != 0) Serve(wanted[i].fd);
      }
    }
  }

 private:
  void Accept() {
    const int socket = ::accept(listener_, nullptr, nullptr);
    if (socket < 0) return;
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    peers_[socket];
  }

  void Serve(int socket) {
    std::array<char, 16384> bytes{};
    const ssize_t count = ::read(socket, bytes.data(), bytes.size());
    if (count <= 0) {
      ::close(socket);
      peers_.erase(socket);
      return;
    }
    std::string& text = peers_[socket];
    text.append(bytes.data(), static_cast<std::size_t>(count));
    const auto head = text.find("\r\n\r\n");
    if (head == std::string::npos) return;
    const std::size_t length = ContentLength(text.substr(0, head));
    if (text.size() < head + 4 + length) return;
    if (const auto mark = text.find(kMark, head); mark != std::string::npos) {
      const std::int64_t due = std::strtoll(text.c_str() + mark + kMark.size(), nullptr, 10);
      late_.push_back(static_cast<double>(UnixMicroseconds() - due) / 1000);
    }
    text.clear();
    if (::write(socket, response_.data(), response_.size()) < 0) Die("write");
  }

  static std::size_t ContentLength(std::string head) {
    std::ranges::transform(head, head.begin(), [](unsigned char c) { return std::tolower(c); });
    const auto at = head.find("content-length:");
    return at == std::string::npos ? 0 : std::strtoul(head.c_str() + at + 15, nullptr, 10);
  }

  void Report() {
    char command = 0;
    if (::read(commands_, &command, 1) <= 0) std::_Exit(0);
    std::ranges::sort(late_);
    Lateness lateness{.requests = late_.size()};
    if (!late_.empty()) {
      lateness.p50 = late_[late_.size() / 2];
      lateness.p99 = late_[late_.size() * 99 / 100];
      lateness.longest = late_.back();
    }
    late_.clear();
    if (::write(answers_, &lateness, sizeof lateness) != sizeof lateness) Die("write");
  }

  const int listener_;
  const int commands_;
  const int answers_;
  const std::string response_ = Response();
  std::map<int, std::string> peers_;  // and what they have sent so far
  std::vector<double> late_;
};

}  // namespace

std::string RefreshTokenDueAt(std::int64_t unix_microseconds) {
  return "RT." + std::to_string(unix_microseconds);
}

ProviderStub::ProviderStub() {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (listener < 0 || ::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener, 1024) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    Die("listen");
  }
  port_ = ntohs(address.sin_port);
  std::array<int, 2> commands{};
  std::array<int, 2> answers{};
  if (::pipe(commands.data()) != 0 || ::pipe(answers.data()) != 0) Die("pipe");
  pid_ = ::fork();
  if (pid_ < 0) Die("fork");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(commands[1]);
    Stub(listener, commands[0], answers[1]).Run();
  }
  ::close(listener);
  ::close(commands[0]);
  ::close(answers[1]);
  commands_ = commands[1];
  answers_ = answers[0];
}

ProviderStub::~ProviderStub() {
  ::close(commands_);
  ::close(answers_);
  ::waitpid(pid_, nullptr, 0);
}

std::string ProviderStub::token_endpoint() const {
  return "http://127.0.0.1:" + std::to_string(port_) + "/token";
}

Lateness ProviderStub::TakeLateness() const {
  Lateness lateness;
  if (::write(commands_, "?", 1) != 1 ||
      ::read(answers_, &lateness, sizeof lateness) != sizeof lateness) {
    Die("the stub is gone");
  }
  return lateness;
}

}  // namespace tokenbroker::bench
