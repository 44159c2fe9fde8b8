// The working part of RedisConnection: what waits, what is under way, and the connection they
// share.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "asio/any_io_executor.hpp"
#include "asio/awaitable.hpp"
#include "asio/cancellation_signal.hpp"
#include "asio/steady_timer.hpp"
#include "asio/strand.hpp"
#include "base/error.h"
#include "net/backoff.h"
#include "net/completion.h"
#include "net/redis_session.h"
#include "net/runtime.h"
#include "net/wiping_buffer.h"

namespace tokenbroker {

// Commands that are written and answered together.
struct RedisBatch {
  using Time = std::chrono::steady_clock::time_point;

  WipingBuffer bytes;        // encoded; empty once written
  std::size_t expected = 0;  // replies
  std::vector<RedisReply> replies;
  Completion<std::vector<RedisReply>> done;  // empty once called: the replies are then dropped
  Time deadline = {};
  std::uint64_t write = 0;                 // number of the write that carries it, from 1
  std::size_t begins_at = 0;               // in that write
  std::shared_ptr<RedisCounters> counted;  // as unanswered, until `done` is called
};

// The public functions are thread-safe; everything behind them runs on one strand.
class RedisPipeline : public std::enable_shared_from_this<RedisPipeline> {
 public:
  static std::shared_ptr<RedisPipeline> Start(Runtime& runtime,
                                              std::shared_ptr<const RedisOptions> options);
  ~RedisPipeline();

  void Submit(std::shared_ptr<RedisBatch> batch, absl::Duration timeout,
              asio::cancellation_slot slot);
  // Leaves the server and finds it anew, at once.
  void Reconnect();
  // Connects at once where the next attempt is due only later.
  void EndPause();
  void Shutdown();
  bool connected() const { return connected_; }
  // How many connections there have been.
  std::uint64_t sessions() const { return sessions_; }

 private:
  using Time = RedisBatch::Time;
  using Batches = std::deque<std::shared_ptr<RedisBatch>>;
  enum class Phase { kConnecting, kConnected, kPausing, kShutDown };

  RedisPipeline(Runtime& runtime, std::shared_ptr<const RedisOptions> options);

  // The life of the connection, from the first attempt to Shutdown().
  static asio::awaitable<void> Run(std::shared_ptr<RedisPipeline> self);
  // From the moment that `session` is there to its end.
  asio::awaitable<void> Serve(std::shared_ptr<RedisSession> session);
  static asio::awaitable<void> WriteWaiting(std::shared_ptr<RedisPipeline> self,
                                            std::shared_ptr<RedisSession> session);

  void SetConnected(bool connected);
  void Add(std::shared_ptr<RedisBatch> batch, absl::Duration timeout);
  void ScheduleWrite();
  // Moves all that waits into one buffer, and on to what is sent.
  void Gather(WipingBuffer& buffer);
  // Fails what a broken write certainly did not carry.
  void FailUnwritten(std::size_t written);
  // False where the connection is of no use any more.
  bool TakeReply(RedisReply reply);
  static void Complete(RedisBatch& batch, absl::StatusOr<std::vector<RedisReply>> result);
  void Abandon(const std::shared_ptr<RedisBatch>& batch, Reason reason, std::string_view cause);
  static void Fail(Batches& batches, const absl::Status& status);
  absl::Status PausingError() const;

  void SetTimer(Time at);
  // Ends what is overdue, and gives up a connection that answers nothing.
  void CheckTime();

  // Constant after construction.
  const std::shared_ptr<const RedisOptions> options_;
  Runtime& runtime_;
  asio::strand<asio::any_io_executor> strand_;
  // A copy of `phase_ == kConnected` for any thread.
  std::atomic<bool> connected_ = false;
  std::atomic<std::uint64_t> sessions_ = 0;
  // On the strand.
  Phase phase_ = Phase::kConnecting;
  std::shared_ptr<RedisSession> session_;  // while connected
  Batches waiting_;                        // not yet written
  Batches sent_;                           // at least partly written; replies come in this order
  bool writing_ = false;
  std::uint64_t writes_ = 0;
  Time quiet_since_ = {};  // when Redis last answered, or came to owe an answer
  bool answered_ = false;  // anything, on this connection
  bool told_ = false;     // by another connection, since this one last set out, that Redis is there
  bool leaving_ = false;  // this server takes no writes, or not from us: look again
  Backoff backoff_;
  asio::steady_timer pause_;  // until the next attempt to connect
  std::string last_cause_;    // why there is no connection
  asio::steady_timer timer_;
  Time timer_at_ = Time::max();
};

}  // namespace tokenbroker
