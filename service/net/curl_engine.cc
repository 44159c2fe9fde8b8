#include "net/curl_engine.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asio/post.hpp"

namespace tokenbroker {
namespace {

// Where a request has no deadline, and small enough for every clock's arithmetic.
constexpr absl::Duration kLongestTransfer = absl::Hours(24);
// Idle connections kept, over all hosts.
constexpr long kMaxPooledConnections = 128;

// Not so the pipes by which libcurl's resolver thread wakes it, which it closes without a word.
bool IsOfTheNetwork(curl_socket_t socket) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
         (domain == AF_INET || domain == AF_INET6);
}

// After this nothing can be sent, and what can be read is the end: libcurl sees a dead connection.
// libcurl owns the socket and closes it.
void Disable(curl_socket_t socket) {
  shutdown(socket, SHUT_RDWR);
  constexpr int kMostReads = 64;  // a peer that does not stop finds the sending side closed anyway
  std::array<char, 4096> unread;
  for (int i = 0; i < kMostReads; ++i) {
    if (recv(socket, unread.data(), unread.size(), MSG_DONTWAIT) <= 0) break;
  }
}

std::uint64_t NextTransferId() {
  static std::atomic<std::uint64_t> last = 0;
  return ++last;
}

}  // namespace

// A socket of libcurl's that it wants to hear about. libcurl owns the socket. That of a pooled
// connection stays watched until it is closed: its next transfer finds it so.
struct CurlEngine::Watch {
  Watch(const Strand& strand, curl_socket_t watched)
      : descriptor(strand), socket(watched), is_of_the_network(IsOfTheNetwork(watched)) {
    descriptor.assign(watched);
  }
  ~Watch() { Release(); }

  void Release() {
    if (!released) descriptor.release();
    released = true;
  }

  asio::posix::basic_stream_descriptor<Strand> descriptor;
  const curl_socket_t socket;
  const bool is_of_the_network;
  bool is_idle = false;  // open, and of no transfer
  bool want_read = false;
  bool want_write = false;
  bool reading = false;  // a wait is pending
  bool writing = false;
  bool released = false;
};

CurlEngine::CurlEngine(Runtime& runtime, HttpClientOptions options)
    : options_(std::move(options)),
      strand_(asio::make_strand(runtime.executor())),
      multi_(curl_multi_init()),
      timer_(strand_) {
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(
      multi_, CURLMOPT_SOCKETFUNCTION,
      +[](CURL*, curl_socket_t socket, int what, void* self, void*) {
        return static_cast<CurlEngine*>(self)->OnSocket(socket, what);
      });
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(
      multi_, CURLMOPT_TIMERFUNCTION, +[](CURLM*, long milliseconds, void* self) {
        return static_cast<CurlEngine*>(self)->OnTimer(milliseconds);
      });
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
  curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS,
                    static_cast<long>(options_.max_connections_per_host));
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kMaxPooledConnections);
}

CurlEngine::~CurlEngine() {
  // No callback may reach an object that is going.
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, nullptr);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, nullptr);
  for (auto& [socket, watch] : watches_) watch->Release();
  for (auto& [id, running] : running_) {
    curl_multi_remove_handle(multi_, running.transfer->handle());
    running.transfer.reset();
  }
  curl_multi_cleanup(multi_);
}

void CurlEngine::Start(std::unique_ptr<CurlTransfer> transfer, absl::Duration timeout,
                       Completion<HttpResponse> done, asio::cancellation_slot slot) {
  const TransferId id = NextTransferId();
  asio::post(strand_, [self = shared_from_this(), id, transfer = std::move(transfer), timeout,
                       done = std::move(done)]() mutable {
    self->Add(id, std::move(transfer), timeout, std::move(done));
  });
  if (!slot.is_connected()) return;
  slot.assign([weak = weak_from_this(), id](asio::cancellation_type) {
    if (auto self = weak.lock()) {
      asio::post(self->strand_, [self, id] { self->Abandon(id, Reason::kCancelled, "cancelled"); });
    }
  });
}

void CurlEngine::Shutdown() {
  asio::post(strand_, [self = shared_from_this()] {
    self->shut_down_ = true;
    self->AbandonAll();
  });
}

void CurlEngine::Add(TransferId id, std::unique_ptr<CurlTransfer> transfer, absl::Duration timeout,
                     Completion<HttpResponse> done) {
  if (shut_down_) return done(transfer->Abandon(Reason::kShuttingDown, "shutdown"));
  if (timeout <= absl::ZeroDuration()) {
    return done(transfer->Abandon(Reason::kDeadlineExceeded, "timeout"));
  }
  CURL* const handle = transfer->handle();
  asio::steady_timer deadline(strand_);
  deadline.expires_after(absl::ToChronoNanoseconds(std::min(timeout, kLongestTransfer)));
  deadline.async_wait([self = shared_from_this(), id](asio::error_code cancelled) {
    if (!cancelled) self->Abandon(id, Reason::kDeadlineExceeded, "timeout");
  });
  curl_easy_setopt(handle, CURLOPT_CLOSESOCKETDATA, this);
  curl_easy_setopt(
      handle, CURLOPT_CLOSESOCKETFUNCTION, +[](void* self, curl_socket_t socket) {
        return static_cast<CurlEngine*>(self)->OnClose(socket);
      });
  ids_.emplace(handle, id);
  running_.emplace(id, Running{std::move(transfer), std::move(done), std::move(deadline)});
  curl_multi_add_handle(multi_, handle);
}

void CurlEngine::Abandon(TransferId id, Reason reason, std::string_view cause) {
  auto ended = running_.extract(id);
  if (ended.empty()) return;
  Running& running = ended.mapped();
  absl::Status status = running.transfer->Abandon(reason, cause);
  ids_.erase(running.transfer->handle());
  curl_multi_remove_handle(multi_, running.transfer->handle());
  running.done(std::move(status));
}

void CurlEngine::AbandonAll() {
  std::vector<TransferId> ids;
  ids.reserve(running_.size());
  for (const auto& [id, running] : running_) ids.push_back(id);
  for (const TransferId id : ids) Abandon(id, Reason::kShuttingDown, "shutdown");
}

void CurlEngine::Act(curl_socket_t socket, int events) {
  // Transfers take connections from the pool when the timer says so.
  if (socket == CURL_SOCKET_TIMEOUT) RetireThoseThatSpoke();
  int still_running = 0;
  curl_multi_socket_action(multi_, socket, events, &still_running);
  FinishEnded();
}

void CurlEngine::FinishEnded() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    // The message dies with the removal of its handle.
    CURL* const handle = message->easy_handle;
    const CURLcode code = message->data.result;
    const auto id = ids_.extract(handle);
    if (id.empty()) continue;
    auto ended = running_.extract(id.mapped());
    Running& running = ended.mapped();
    absl::StatusOr<HttpResponse> result = running.transfer->Finish(code);
    curl_multi_remove_handle(multi_, handle);
    running.done(std::move(result));
  }
}

void CurlEngine::RetireThoseThatSpoke() {
  std::vector<pollfd> sockets;
  for (const auto& [socket, watch] : watches_) {
    if (watch->is_idle) sockets.push_back({socket, POLLIN, 0});
  }
  if (sockets.empty() || poll(sockets.data(), sockets.size(), 0) <= 0) return;
  for (const pollfd& polled : sockets) {
    if (polled.revents != 0) Disable(polled.fd);
  }
}

void CurlEngine::StopWatching(curl_socket_t socket) {
  const auto found = watches_.find(socket);
  if (found == watches_.end()) return;
  found->second->Release();
  watches_.erase(found);
}

int CurlEngine::OnClose(curl_socket_t socket) {
  StopWatching(socket);
  return close(socket);
}

int CurlEngine::OnSocket(curl_socket_t socket, int what) {
  std::shared_ptr<Watch>& watch = watches_[socket];
  if (watch == nullptr) watch = std::make_shared<Watch>(strand_, socket);
  watch->is_idle = what == CURL_POLL_REMOVE;
  watch->want_read = !watch->is_idle && (what & CURL_POLL_IN) != 0;
  watch->want_write = !watch->is_idle && (what & CURL_POLL_OUT) != 0;
  // The others are closed without a word to OnClose.
  if (watch->is_idle && !watch->is_of_the_network) {
    StopWatching(socket);
    return 0;
  }
  Wait(watch);
  return 0;
}

void CurlEngine::Wait(const std::shared_ptr<Watch>& watch) {
  using Descriptor = asio::posix::descriptor_base;
  if (watch->released) return;
  if (watch->want_read && !watch->reading) {
    watch->reading = true;
    watch->descriptor.async_wait(Descriptor::wait_read,
                                 [self = shared_from_this(), watch](asio::error_code error) {
                                   watch->reading = false;
                                   self->OnReady(watch, CURL_CSELECT_IN, bool{error});
                                 });
  }
  if (watch->want_write && !watch->writing) {
    watch->writing = true;
    watch->descriptor.async_wait(Descriptor::wait_write,
                                 [self = shared_from_this(), watch](asio::error_code error) {
                                   watch->writing = false;
                                   self->OnReady(watch, CURL_CSELECT_OUT, bool{error});
                                 });
  }
}

void CurlEngine::OnReady(const std::shared_ptr<Watch>& watch, int event, bool failed) {
  if (watch->released) return;
  const bool wanted = event == CURL_CSELECT_IN ? watch->want_read : watch->want_write;
  if (wanted) Act(watch->socket, failed ? event | CURL_CSELECT_ERR : event);
  Wait(watch);
}

int CurlEngine::OnTimer(long milliseconds) {
  // Never acts from in here: libcurl is on the stack.
  const std::uint64_t round = ++timer_round_;
  if (milliseconds < 0) {
    timer_.cancel();
    return 0;
  }
  if (milliseconds == 0) {
    // As for every new transfer: what was posted before this joins in, and the kernel's timer stays
    // as it is.
    asio::post(strand_, [self = shared_from_this(), round] {
      if (round == self->timer_round_) self->Act(CURL_SOCKET_TIMEOUT, 0);
    });
    return 0;
  }
  timer_.expires_after(std::chrono::milliseconds(milliseconds));
  timer_.async_wait([self = shared_from_this(), round](asio::error_code cancelled) {
    if (!cancelled && round == self->timer_round_) self->Act(CURL_SOCKET_TIMEOUT, 0);
  });
  return 0;
}

}  // namespace tokenbroker
