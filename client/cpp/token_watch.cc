#include "tokenbroker/token_watch.h"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include "grpcpp/client_context.h"
#include "tokenbroker/error.h"
#include "tokenbroker/v1/token_broker.grpc.pb.h"

namespace tokenbroker::client {
namespace {

using Clock = std::chrono::system_clock;
using std::chrono::milliseconds;

bool HasExpired(const v1::GetAccessTokenResponse& token) {
  if (!token.has_expires_at()) return false;
  const auto end = std::chrono::seconds(token.expires_at().seconds()) +
                   milliseconds(token.expires_at().nanos() / 1'000'000);
  return Clock::now() >= Clock::time_point(end);
}

// Whether asking again gets the same answer.
bool IsFinal(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::UNIMPLEMENTED:
      return true;
    default:
      return false;
  }
}

}  // namespace

class TokenWatch::Stream {
 public:
  Stream(std::shared_ptr<grpc::Channel> channel, v1::WatchAccessTokenRequest request,
         TokenWatchOptions options)
      : stub_(v1::TokenBroker::NewStub(std::move(channel))),
        request_(std::move(request)),
        options_(std::move(options)),
        pause_(options_.first_pause),
        thread_([this] { Run(); }) {}

  ~Stream() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      end_ = {grpc::StatusCode::CANCELLED, "the watch is gone"};
      if (context_ != nullptr) context_->TryCancel();
    }
    changed_.notify_all();
    thread_.join();
  }

  // `after`: the number of the token that is known already.
  grpc::Status Await(Deadline deadline, std::uint64_t* after,
                     v1::GetAccessTokenResponse* token) const {
    std::unique_lock lock(mutex_);
    const auto there = [&] { return number_ > *after && !HasExpired(token_); };
    changed_.wait_until(lock, deadline, [&] { return !end_.ok() || there(); });
    if (!end_.ok()) return end_;
    if (!there()) {
      if (!interruption_.ok()) return interruption_;
      return {grpc::StatusCode::DEADLINE_EXCEEDED, "no token came in time"};
    }
    *token = token_;
    *after = number_;
    return grpc::Status::OK;
  }

  bool ended() const {
    const std::lock_guard lock(mutex_);
    return !end_.ok();
  }

  std::mutex next_mutex_;
  std::uint64_t given_ = 0;  // the number of the token that Next gave; guarded by next_mutex_

 private:
  void Run() {
    while (true) {
      grpc::ClientContext context;
      context.set_wait_for_ready(true);
      {
        const std::lock_guard lock(mutex_);
        if (stopping_) return;
        context_ = &context;
      }
      bool had_token = false;
      const grpc::Status status = ReadAll(context, had_token);
      const milliseconds pause = PauseAfter(status, had_token);
      std::unique_lock lock(mutex_);
      context_ = nullptr;
      if (stopping_) return;
      if (IsEnd(status.error_code(), had_token)) {
        end_ = status;
        token_.Clear();
        changed_.notify_all();
        return;
      }
      interruption_ = status;
      lock.unlock();
      changed_.notify_all();
      if (options_.on_interruption) options_.on_interruption(status);
      lock.lock();
      if (changed_.wait_for(lock, pause, [this] { return stopping_; })) return;
    }
  }

  grpc::Status ReadAll(grpc::ClientContext& context, bool& had_token) {
    const auto reader = stub_->WatchAccessToken(&context, request_);
    v1::GetAccessTokenResponse token;
    while (reader->Read(&token)) {
      had_token = true;
      pause_ = options_.first_pause;
      {
        const std::lock_guard lock(mutex_);
        ++number_;
        token_.Swap(&token);
        token.Clear();
        ever_ = true;
        interruption_ = grpc::Status::OK;
      }
      changed_.notify_all();
    }
    const grpc::Status status = reader->Finish();
    // A stream without an end has broken, whatever it says.
    return status.ok() ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "the stream ended") : status;
  }

  bool IsEnd(grpc::StatusCode code, bool had_token) const {
    if (code == grpc::StatusCode::UNAUTHENTICATED) return !ever_;
    const bool may_have_another = request_.has_subject_grant() && had_token;
    return IsFinal(code) && !may_have_another;
  }

  // Full jitter, so that those whom one broker left do not come to the next all at once.
  milliseconds PauseAfter(const grpc::Status& status, bool had_token) {
    const milliseconds asked = ReadErrorDetails(status).retry_after.value_or(milliseconds(0));
    const milliseconds step = pause_;
    if (!had_token) pause_ = std::min(2 * pause_, options_.longest_pause);
    std::uniform_int_distribution<milliseconds::rep> jitter(0, step.count());
    return asked + milliseconds(jitter(random_));
  }

  const std::unique_ptr<v1::TokenBroker::Stub> stub_;
  const v1::WatchAccessTokenRequest request_;
  const TokenWatchOptions options_;

  // The thread's own.
  milliseconds pause_;
  std::mt19937_64 random_{std::random_device{}()};

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  // Guarded by mutex_.
  grpc::ClientContext* context_ = nullptr;
  bool stopping_ = false;
  bool ever_ = false;  // there has been a token
  std::uint64_t number_ = 0;
  v1::GetAccessTokenResponse token_;
  grpc::Status interruption_;
  grpc::Status end_;

  std::thread thread_;  // last: it uses all the others
};

TokenWatch::TokenWatch(std::shared_ptr<grpc::Channel> channel_to_broker,
                       v1::WatchAccessTokenRequest request, TokenWatchOptions options)
    : stream_(std::make_unique<Stream>(std::move(channel_to_broker), std::move(request),
                                       std::move(options))) {}

TokenWatch::~TokenWatch() = default;

grpc::Status TokenWatch::Newest(Deadline deadline, v1::GetAccessTokenResponse* token) const {
  std::uint64_t any = 0;
  return stream_->Await(deadline, &any, token);
}

bool TokenWatch::ended() const { return stream_->ended(); }

grpc::Status TokenWatch::Next(Deadline deadline, v1::GetAccessTokenResponse* token) {
  const std::lock_guard lock(stream_->next_mutex_);
  return stream_->Await(deadline, &stream_->given_, token);
}

}  // namespace tokenbroker::client
