#include "net/redis_pipeline.h"

#include <algorithm>
#include <utility>

#include "asio/co_spawn.hpp"
#include "asio/post.hpp"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"
#include "base/error.h"
#include "base/status_macros.h"
#include "net/delivery.h"

namespace tokenbroker {
namespace {

std::chrono::nanoseconds ToChrono(absl::Duration duration) {
  return absl::ToChronoNanoseconds(duration);
}

}  // namespace

std::shared_ptr<RedisPipeline> RedisPipeline::Start(Runtime& runtime,
                                                    std::shared_ptr<const RedisOptions> options) {
  std::shared_ptr<RedisPipeline> pipeline(new RedisPipeline(runtime, std::move(options)));
  if (pipeline->options_->peers) pipeline->options_->peers->Join(pipeline);
  runtime.SpawnOn(pipeline->strand_, Run(pipeline));
  return pipeline;
}

RedisPipeline::RedisPipeline(Runtime& runtime, std::shared_ptr<const RedisOptions> options)
    : options_(std::move(options)),
      runtime_(runtime),
      strand_(asio::make_strand(runtime.executor())),
      backoff_(options_->min_reconnect_delay, options_->max_reconnect_delay),
      pause_(strand_),
      timer_(strand_) {
  if (options_->counters) ++options_->counters->connections;
}

RedisPipeline::~RedisPipeline() {
  SetConnected(false);
  if (options_->counters) --options_->counters->connections;
}

void RedisPipeline::Submit(std::shared_ptr<RedisBatch> batch, absl::Duration timeout,
                           asio::cancellation_slot slot) {
  const std::weak_ptr<RedisBatch> weak_batch = batch;
  asio::post(strand_, [self = shared_from_this(), batch = std::move(batch), timeout]() mutable {
    self->Add(std::move(batch), timeout);
  });
  if (!slot.is_connected()) return;
  slot.assign([weak = weak_from_this(), weak_batch](asio::cancellation_type) {
    const auto self = weak.lock();
    const auto cancelled = weak_batch.lock();
    if (self == nullptr || cancelled == nullptr) return;
    asio::post(self->strand_,
               [self, cancelled] { self->Abandon(cancelled, Reason::kCancelled, "cancelled"); });
  });
}

void RedisPipeline::Reconnect() {
  asio::post(strand_, [self = shared_from_this()] {
    self->backoff_.Reset();
    self->pause_.cancel();
    if (self->session_ != nullptr) self->session_->Close();
  });
}

void RedisPipeline::EndPause() {
  asio::post(strand_, [self = shared_from_this()] {
    self->told_ = true;
    self->pause_.cancel();
  });
}

void RedisPipeline::Shutdown() {
  asio::post(strand_, [self = shared_from_this()] {
    self->phase_ = Phase::kShutDown;
    self->SetConnected(false);
    self->pause_.cancel();
    self->timer_.cancel();
    if (self->session_ != nullptr) self->session_->Close();
    const absl::Status status = Error(Reason::kShuttingDown);
    self->Fail(self->sent_, WithDelivery(status, Delivery::kUnknown, "shutdown"));
    self->Fail(self->waiting_, WithDelivery(status, Delivery::kNotSent, "shutdown"));
  });
}

asio::awaitable<void> RedisPipeline::Run(std::shared_ptr<RedisPipeline> self) {
  while (self->phase_ != Phase::kShutDown) {
    self->phase_ = Phase::kConnecting;
    self->told_ = false;
    absl::StatusOr<std::shared_ptr<RedisSession>> session =
        co_await RedisSession::Open(self->options_);
    if (self->phase_ == Phase::kShutDown) co_return;
    if (session.ok()) {
      co_await self->Serve(*session);
      // A connection that worked is worth another at once.
      if (self->answered_) continue;
    } else {
      self->last_cause_ = MetadataOf(session.status())["cause"];
      if (self->told_) continue;
    }
    if (self->phase_ == Phase::kShutDown) co_return;
    self->phase_ = Phase::kPausing;
    self->pause_.expires_after(ToChrono(self->backoff_.Next()));
    self->Fail(self->waiting_, self->PausingError());
    asio::error_code cancelled;
    co_await self->pause_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
}

asio::awaitable<void> RedisPipeline::Serve(std::shared_ptr<RedisSession> session) {
  phase_ = Phase::kConnected;
  SetConnected(true);
  if (++sessions_ > 1 && options_->counters) ++options_->counters->reconnects;
  if (options_->peers) options_->peers->TellOthers(*this);
  session_ = session;
  answered_ = false;
  leaving_ = false;
  last_cause_ = "closed";
  ScheduleWrite();
  while (true) {
    absl::StatusOr<RedisReply> reply = co_await session->Read();
    if (!reply.ok() || phase_ == Phase::kShutDown) break;
    if (!TakeReply(*std::move(reply))) break;
    if (leaving_ && sent_.empty()) break;
  }
  session->Close();
  session_ = nullptr;
  SetConnected(false);
  Fail(sent_, WithDelivery(Error(Reason::kStoreUnavailable), Delivery::kUnknown, "closed"));
}

asio::awaitable<void> RedisPipeline::WriteWaiting(std::shared_ptr<RedisPipeline> self,
                                                  std::shared_ptr<RedisSession> session) {
  WipingBuffer buffer;
  while (self->session_ == session && !self->waiting_.empty() && !self->leaving_) {
    self->Gather(buffer);
    std::size_t written = 0;
    const absl::Status status = co_await session->Write(buffer.view(), written);
    buffer.Clear();
    if (!status.ok()) {
      self->FailUnwritten(written);
      session->Close();
      break;
    }
  }
  self->writing_ = false;
  // There may be a new session by now.
  self->ScheduleWrite();
}

void RedisPipeline::ScheduleWrite() {
  if (session_ == nullptr || writing_ || waiting_.empty() || leaving_) return;
  writing_ = true;
  // Begins after what the strand was given before it, so that those commands join the first write.
  runtime_.SpawnOn(strand_, WriteWaiting(shared_from_this(), session_));
}

void RedisPipeline::SetConnected(bool connected) {
  if (connected_.exchange(connected) == connected || !options_->counters) return;
  options_->counters->connected += connected ? 1 : -1;
}

void RedisPipeline::Add(std::shared_ptr<RedisBatch> batch, absl::Duration timeout) {
  const Time now = std::chrono::steady_clock::now();
  batch->deadline = now + ToChrono(std::min(timeout, options_->command_timeout));
  const auto refuse = [&batch](const absl::Status& status) { batch->done(status); };
  if (phase_ == Phase::kShutDown) {
    return refuse(WithDelivery(Error(Reason::kShuttingDown), Delivery::kNotSent, "shutdown"));
  }
  if (timeout <= absl::ZeroDuration()) {
    return refuse(WithDelivery(Error(Reason::kDeadlineExceeded), Delivery::kNotSent, "timeout"));
  }
  if (phase_ == Phase::kPausing) return refuse(PausingError());
  if (waiting_.size() + sent_.size() >= options_->max_waiting_commands) {
    const absl::Status status = Error(Reason::kLimitReached, {{"limit", "redis_commands"}});
    return refuse(WithDelivery(status, Delivery::kNotSent, "overload"));
  }
  batch->counted = options_->counters;
  if (batch->counted) ++batch->counted->unanswered;
  if (batch->deadline < timer_at_) SetTimer(batch->deadline);
  batch->replies.reserve(batch->expected);
  waiting_.push_back(std::move(batch));
  ScheduleWrite();
}

void RedisPipeline::Gather(WipingBuffer& buffer) {
  ++writes_;
  if (sent_.empty()) quiet_since_ = std::chrono::steady_clock::now();
  for (auto& batch : waiting_) {
    batch->write = writes_;
    batch->begins_at = buffer.size();
    buffer.Append(batch->bytes.view());
    batch->bytes.Clear();
    sent_.push_back(std::move(batch));
  }
  waiting_.clear();
}

void RedisPipeline::FailUnwritten(std::size_t written) {
  const absl::Status status =
      WithDelivery(Error(Reason::kStoreUnavailable), Delivery::kNotSent, "closed");
  while (!sent_.empty() && sent_.back()->write == writes_ && sent_.back()->begins_at >= written) {
    Complete(*sent_.back(), status);
    sent_.pop_back();
  }
}

bool RedisPipeline::TakeReply(RedisReply reply) {
  quiet_since_ = std::chrono::steady_clock::now();
  // An answer that nothing was asked for: whose the next ones are cannot be told.
  if (sent_.empty()) return false;
  const RedisError* error = reply.Error();
  if (error != nullptr && error->kind == RedisErrorKind::kReadOnly) {
    leaving_ = true;
    answered_ = false;
    last_cause_ = "read_only";
  } else if (error != nullptr && error->kind == RedisErrorKind::kNotSignedIn) {
    leaving_ = true;
    answered_ = false;
    last_cause_ = "denied";
  } else if (!leaving_ && !answered_) {
    answered_ = true;
    backoff_.Reset();
  }
  RedisBatch& batch = *sent_.front();
  batch.replies.push_back(std::move(reply));
  if (batch.replies.size() < batch.expected) return true;
  const std::shared_ptr<RedisBatch> finished = std::move(sent_.front());
  sent_.pop_front();
  Complete(*finished, std::move(finished->replies));
  return true;
}

void RedisPipeline::Complete(RedisBatch& batch, absl::StatusOr<std::vector<RedisReply>> result) {
  // Absent where it was called before: then nobody waits for the replies any more.
  if (batch.done == nullptr) return;
  if (batch.counted) --batch.counted->unanswered;
  auto done = std::exchange(batch.done, nullptr);
  done(std::move(result));
}

void RedisPipeline::Fail(Batches& batches, const absl::Status& status) {
  for (const auto& batch : std::exchange(batches, {})) Complete(*batch, status);
}

void RedisPipeline::Abandon(const std::shared_ptr<RedisBatch>& batch, Reason reason,
                            std::string_view cause) {
  const auto unsent = std::find(waiting_.begin(), waiting_.end(), batch);
  const Delivery delivery = unsent != waiting_.end() ? Delivery::kNotSent : Delivery::kUnknown;
  // What is sent keeps its place: its replies must not be taken for another's.
  if (unsent != waiting_.end()) waiting_.erase(unsent);
  Complete(*batch, WithDelivery(Error(reason), delivery, cause));
}

absl::Status RedisPipeline::PausingError() const {
  const auto left = pause_.expiry() - std::chrono::steady_clock::now();
  absl::Status status =
      WithDelivery(Error(Reason::kStoreUnavailable), Delivery::kNotSent, last_cause_);
  return WithRetryAfter(std::move(status), std::max(absl::FromChrono(left), absl::Milliseconds(1)));
}

void RedisPipeline::SetTimer(Time at) {
  timer_at_ = at;
  timer_.expires_at(at);
  timer_.async_wait([self = shared_from_this(), at](asio::error_code cancelled) {
    if (!cancelled && at == self->timer_at_) self->CheckTime();
  });
}

void RedisPipeline::CheckTime() {
  timer_at_ = Time::max();
  const Time now = std::chrono::steady_clock::now();
  Batches overdue;
  Time next = Time::max();
  for (const Batches* batches : {&waiting_, &sent_}) {
    for (const auto& batch : *batches) {
      if (batch->done == nullptr) continue;
      if (batch->deadline <= now) {
        overdue.push_back(batch);
      } else {
        next = std::min(next, batch->deadline);
      }
    }
  }
  for (const auto& batch : overdue) Abandon(batch, Reason::kDeadlineExceeded, "timeout");
  if (!sent_.empty() && session_ != nullptr) {
    const Time given_up = quiet_since_ + ToChrono(options_->command_timeout);
    if (given_up <= now) {
      answered_ = false;
      last_cause_ = "timeout";
      session_->Close();
    } else {
      next = std::min(next, given_up);
    }
  }
  if (next != Time::max()) SetTimer(next);
}

}  // namespace tokenbroker
