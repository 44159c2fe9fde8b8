// A token that is always the newest, without asking for it.
//
//   tokenbroker::v1::WatchAccessTokenRequest request;
//   request.set_grant_id(grant_id);
//   tokenbroker::client::TokenWatch watch(channel_to_broker, request);
//   tokenbroker::v1::GetAccessTokenResponse token;
//   if (const grpc::Status status = watch.Newest(deadline, &token); !status.ok()) ...
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "grpcpp/channel.h"
#include "grpcpp/support/status.h"
#include "tokenbroker/v1/token_broker.pb.h"

namespace tokenbroker::client {

struct TokenWatchOptions {
  // Between two attempts to connect: from the first to the longest, doubling, with jitter. What the
  // broker says (RetryInfo) counts where it is longer.
  std::chrono::milliseconds first_pause{100};
  std::chrono::milliseconds longest_pause{10'000};
  // Told of every stream that broke and will be begun again; on the watch's own thread, and not to
  // destroy it. May be empty.
  std::function<void(const grpc::Status&)> on_interruption;
};

// Keeps a WatchAccessToken stream open on a thread of its own, begins it again when it breaks, and
// holds the newest token alone. Thread-safe.
//
// The watch ends for good with what trying again does not change: FAILED_PRECONDITION (the user has
// to sign in again), NOT_FOUND, PERMISSION_DENIED, INVALID_ARGUMENT, UNIMPLEMENTED, and with
// UNAUTHENTICATED before the first token. A watch on a subject goes on with the newest grant there
// is when the one it had has ended.
class TokenWatch {
 public:
  using Deadline = std::chrono::system_clock::time_point;

  // `request` says which token, as for TokenBroker.WatchAccessToken.
  TokenWatch(std::shared_ptr<grpc::Channel> channel_to_broker, v1::WatchAccessTokenRequest request,
             TokenWatchOptions options = {});
  // Hangs up. Returns when the thread has ended; who waits in another thread gets CANCELLED.
  ~TokenWatch();
  TokenWatch(const TokenWatch&) = delete;
  TokenWatch& operator=(const TokenWatch&) = delete;

  // Fills in the newest token, at once where there is one that has not expired. Blocks until
  // `deadline` for one otherwise, and returns then why there is none: what broke the stream last,
  // or DEADLINE_EXCEEDED. What ended the watch is returned at once.
  grpc::Status Newest(Deadline deadline, v1::GetAccessTokenResponse* token) const;

  // The same, but blocks until there is a token other than the one that Next gave before.
  grpc::Status Next(Deadline deadline, v1::GetAccessTokenResponse* token);

  // Whether there will be no more; Newest and Next say why.
  bool ended() const;

 private:
  class Stream;
  const std::unique_ptr<Stream> stream_;
};

}  // namespace tokenbroker::client
