#include "net/redis_subscriber.h"

#include <chrono>
#include <utility>

#include "asio/any_io_executor.hpp"
#include "asio/post.hpp"
#include "asio/redirect_error.hpp"
#include "asio/steady_timer.hpp"
#include "asio/strand.hpp"
#include "asio/use_awaitable.hpp"
#include "base/error.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "net/backoff.h"
#include "net/delivery.h"

namespace tokenbroker {
namespace {

absl::Status Refused() {
  return WithDelivery(Error(Reason::kStoreUnavailable), Delivery::kNotSent, "refused");
}

}  // namespace

class RedisSubscriber::Listener : public std::enable_shared_from_this<Listener> {
 public:
  Listener(Runtime& runtime, std::shared_ptr<const RedisOptions> options,
           RedisSubscription subscription, RedisSubscriberCallbacks callbacks)
      : options_(std::move(options)),
        subscription_(std::move(subscription)),
        strand_(asio::make_strand(runtime.executor())),
        backoff_(options_->min_reconnect_delay, options_->max_reconnect_delay),
        pause_(strand_),
        ping_(strand_),
        callbacks_(std::move(callbacks)) {}

  void Start(Runtime& runtime) { runtime.SpawnOn(strand_, Run(shared_from_this(), runtime)); }

  void Reconnect() {
    asio::post(strand_, [self = shared_from_this()] {
      self->backoff_.Reset();
      self->pause_.cancel();
      if (self->session_ != nullptr) self->session_->Close();
    });
  }

  void Shutdown() {
    {
      // First, or the disconnection that follows would still be told.
      MutexLock lock(callback_mutex_);
      callbacks_ = {};
    }
    asio::post(strand_, [self = shared_from_this()] {
      self->shut_down_ = true;
      self->pause_.cancel();
      self->ping_.cancel();
      if (self->session_ != nullptr) self->session_->Close();
    });
  }

 private:
  static asio::awaitable<void> Run(std::shared_ptr<Listener> self, Runtime& runtime) {
    while (!self->shut_down_) {
      absl::StatusOr<std::shared_ptr<RedisSession>> session =
          co_await RedisSession::Open(self->options_);
      if (session.ok() && !self->shut_down_) {
        self->session_ = *session;
        self->heard_ = true;
        runtime.SpawnOn(self->strand_, Ping(self, *session));
        if (co_await self->Subscribe(*session)) {
          self->backoff_.Reset();
          co_await self->Listen(*session);
        }
        (*session)->Close();
        self->session_ = nullptr;
        self->ping_.cancel();
      }
      if (self->shut_down_) co_return;
      self->pause_.expires_after(absl::ToChronoNanoseconds(self->backoff_.Next()));
      asio::error_code cancelled;
      co_await self->pause_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
  }

  asio::awaitable<bool> Subscribe(std::shared_ptr<RedisSession> session) {
    const absl::Status status = co_await SendSubscriptions(session);
    co_return status.ok() && !shut_down_;
  }

  StatusTask SendSubscriptions(std::shared_ptr<RedisSession> session) {
    std::vector<RedisCommand> commands;
    RedisCommand subscribe = {"SUBSCRIBE"};
    subscribe.insert(subscribe.end(), subscription_.channels.begin(), subscription_.channels.end());
    if (!subscription_.tracked_prefixes.empty()) {
      commands.push_back({"CLIENT", "ID"});
      CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> ids,
                          co_await session->Ask(std::move(commands)));
      const std::int64_t* id = ids.front().Integer();
      if (id == nullptr) co_return Refused();
      RedisCommand track = {"CLIENT", "TRACKING", "ON", "REDIRECT", std::to_string(*id), "BCAST"};
      for (const std::string& prefix : subscription_.tracked_prefixes) {
        track.insert(track.end(), {"PREFIX", prefix});
      }
      commands.clear();
      commands.push_back(std::move(track));
      CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> tracked,
                          co_await session->Ask(std::move(commands)));
      if (!tracked.front().IsOk()) co_return Refused();
      subscribe.emplace_back(kRedisInvalidateChannel);
    }
    // Each channel is confirmed by a push of its own, which Listen() counts.
    unconfirmed_ = subscribe.size() - 1;
    WipingBuffer request;
    CO_RETURN_IF_ERROR(EncodeRedisCommand(std::move(subscribe), request));
    std::size_t written = 0;
    co_return co_await session->Write(request.view(), written);
  }

  asio::awaitable<void> Listen(std::shared_ptr<RedisSession> session) {
    while (!shut_down_) {
      const absl::StatusOr<RedisReply> reply = co_await session->Read();
      if (!reply.ok()) break;
      heard_ = true;
      if (!Take(*reply)) break;
      if (!listening_ && unconfirmed_ == 0) {
        listening_ = true;
        Call([](const RedisSubscriberCallbacks& callbacks) { callbacks.on_connected(); });
      }
    }
    if (std::exchange(listening_, false)) {
      Call([](const RedisSubscriberCallbacks& callbacks) { callbacks.on_disconnected(); });
    }
  }

  // False where Redis refuses to be listened to.
  bool Take(const RedisReply& reply) {
    const auto* parts = reply.Array();
    if (parts == nullptr || parts->empty()) return false;
    const std::string* kind = parts->front().String();
    if (kind == nullptr) return false;
    if (*kind == "subscribe" && unconfirmed_ > 0) --unconfirmed_;
    if (*kind != "message") return true;
    if (parts->size() != 3 || (*parts)[1].String() == nullptr) return false;
    const std::string& channel = *(*parts)[1].String();
    Call([&](const RedisSubscriberCallbacks& callbacks) {
      callbacks.on_message(channel, (*parts)[2]);
    });
    return true;
  }

  // Nothing runs once the subscriber is gone: the callbacks are then empty.
  template <typename Invoke>
  void Call(Invoke invoke) {
    MutexLock lock(callback_mutex_);
    if (callbacks_.on_message) invoke(callbacks_);
  }

  static asio::awaitable<void> Ping(std::shared_ptr<Listener> self,
                                    std::shared_ptr<RedisSession> session) {
    while (true) {
      self->ping_.expires_after(absl::ToChronoNanoseconds(self->options_->ping_interval));
      asio::error_code cancelled;
      co_await self->ping_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
      if (cancelled || self->session_ != session) co_return;
      if (!std::exchange(self->heard_, false)) break;
      // Two writes at once would mix.
      if (!self->listening_) continue;
      RedisCommand command = {"PING"};
      WipingBuffer request;
      std::size_t written = 0;
      absl::Status status = EncodeRedisCommand(std::move(command), request);
      if (status.ok()) status = co_await session->Write(request.view(), written);
      if (!status.ok()) break;
    }
    session->Close();
  }

  // Constant after construction.
  const std::shared_ptr<const RedisOptions> options_;
  const RedisSubscription subscription_;
  const asio::strand<asio::any_io_executor> strand_;
  // On the strand.
  Backoff backoff_;
  asio::steady_timer pause_;
  asio::steady_timer ping_;
  std::shared_ptr<RedisSession> session_;
  std::size_t unconfirmed_ = 0;
  bool listening_ = false;
  bool heard_ = false;  // something, since the last look
  bool shut_down_ = false;
  // Held while one of them runs, so that the destructor can wait for it.
  Mutex callback_mutex_;
  RedisSubscriberCallbacks callbacks_ ABSL_GUARDED_BY(callback_mutex_);
};

RedisSubscriber::RedisSubscriber(Runtime& runtime, std::shared_ptr<const RedisOptions> options,
                                 RedisSubscription subscription, RedisSubscriberCallbacks callbacks)
    : listener_(std::make_shared<Listener>(runtime, std::move(options), std::move(subscription),
                                           std::move(callbacks))) {
  listener_->Start(runtime);
}

RedisSubscriber::~RedisSubscriber() { listener_->Shutdown(); }

void RedisSubscriber::Reconnect() { listener_->Reconnect(); }

}  // namespace tokenbroker
