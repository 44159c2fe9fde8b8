#include "net/redis_session.h"

#include <utility>

#include "asio/steady_timer.hpp"
#include "asio/this_coro.hpp"
#include "base/error.h"
#include "base/status_macros.h"
#include "net/delivery.h"

namespace tokenbroker {
namespace {

constexpr std::size_t kReadBytes = 16 << 10;

std::vector<RedisCommand> SignInCommands(const RedisOptions& options) {
  std::vector<RedisCommand> commands;
  if (options.password) {
    RedisCommand auth = {"AUTH"};
    if (options.username) auth.push_back(*options.username);
    auth.emplace_back(options.password->Reveal());
    commands.push_back(std::move(auth));
  }
  if (options.database != 0) commands.push_back({"SELECT", std::to_string(options.database)});
  commands.push_back({"PING"});
  return commands;
}

absl::Status Refused(const RedisError& error) {
  std::string_view cause = "refused";
  if (error.kind == RedisErrorKind::kLoading) cause = "loading";
  if (error.kind == RedisErrorKind::kDenied) cause = "denied";
  return WithDelivery(Error(Reason::kStoreUnavailable), Delivery::kNotSent, cause);
}

// A user may be allowed to do what we need and still not to PING.
bool IsHarmless(const RedisError& error) { return error.message.starts_with("NOPERM"); }

StatusTask SignIn(std::shared_ptr<RedisSession> session,
                  std::shared_ptr<const RedisOptions> options) {
  std::vector<RedisCommand> commands = SignInCommands(*options);
  CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> replies,
                      co_await session->Ask(std::move(commands)));
  for (const RedisReply& reply : replies) {
    const RedisError* error = reply.Error();
    if (error != nullptr && !IsHarmless(*error)) co_return Refused(*error);
  }
  co_return absl::OkStatus();
}

}  // namespace

RedisSession::RedisSession(std::shared_ptr<Stream> stream, std::size_t max_reply_bytes)
    : stream_(std::move(stream)), reader_(max_reply_bytes), buffer_(kReadBytes) {}

Task<std::shared_ptr<RedisSession>> RedisSession::Open(
    std::shared_ptr<const RedisOptions> options) {
  CO_ASSIGN_OR_RETURN(std::shared_ptr<Stream> stream,
                      co_await ConnectStream(options->endpoint, options->connect_timeout));
  auto session = std::make_shared<RedisSession>(std::move(stream), options->max_reply_bytes);
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(absl::ToChronoNanoseconds(options->connect_timeout));
  timer.async_wait([watched = std::weak_ptr<RedisSession>(session)](asio::error_code cancelled) {
    const auto late = watched.lock();
    if (!cancelled && late != nullptr) late->Close();
  });
  absl::Status status = co_await SignIn(session, options);
  // Zero where the timer had fired: its closing of the session is done or on its way.
  if (timer.cancel() == 0) {
    co_return WithDelivery(Error(Reason::kStoreUnavailable), Delivery::kNotSent, "timeout");
  }
  if (!status.ok()) {
    // Nothing that a caller asked for has been sent.
    const std::string cause = MetadataOf(status)["cause"];
    co_return WithDelivery(std::move(status), Delivery::kNotSent, cause);
  }
  co_return session;
}

Task<std::vector<RedisReply>> RedisSession::Ask(std::vector<RedisCommand> commands) {
  WipingBuffer request;
  for (RedisCommand& command : commands) {
    CO_RETURN_IF_ERROR(EncodeRedisCommand(std::move(command), request));
  }
  std::size_t written = 0;
  CO_RETURN_IF_ERROR(co_await Write(request.view(), written));
  std::vector<RedisReply> replies;
  while (replies.size() < commands.size()) {
    CO_ASSIGN_OR_RETURN(RedisReply reply, co_await Read());
    replies.push_back(std::move(reply));
  }
  co_return replies;
}

StatusTask RedisSession::Write(std::string_view bytes, std::size_t& written) {
  const asio::const_buffer buffer(bytes.data(), bytes.size());
  co_return co_await stream_->Write(buffer, written);
}

Task<RedisReply> RedisSession::Read() {
  while (true) {
    CO_ASSIGN_OR_RETURN(std::optional<RedisReply> reply, reader_.Next());
    if (reply) co_return *std::move(reply);
    const asio::mutable_buffer into(buffer_.data(), buffer_.size());
    CO_ASSIGN_OR_RETURN(const std::size_t count, co_await stream_->ReadSome(into));
    reader_.Feed({buffer_.data(), count});
  }
}

}  // namespace tokenbroker
