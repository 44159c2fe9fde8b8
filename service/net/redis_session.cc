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

absl::Status NotLetIn(std::string_view cause) {
  return WithDelivery(Error(Reason::kStoreUnavailable), Delivery::kNotSent, cause);
}

absl::StatusOr<std::vector<RedisCommand>> SignInCommands(const RedisOptions& options) {
  std::vector<RedisCommand> commands;
  if (options.login) {
    const absl::StatusOr<RedisLogin> login = options.login();
    if (!login.ok()) return NotLetIn("login");
    RedisCommand auth = {"AUTH"};
    if (login->username) auth.push_back(*login->username);
    auth.emplace_back(login->password.Reveal());
    commands.push_back(std::move(auth));
  }
  if (options.database != 0) commands.push_back({"SELECT", std::to_string(options.database)});
  commands.push_back({"PING"});
  if (options.locator != nullptr) commands.push_back({"ROLE"});
  return commands;
}

absl::Status Refused(const RedisError& error) {
  std::string_view cause = "refused";
  if (error.kind == RedisErrorKind::kLoading) cause = "loading";
  if (error.kind == RedisErrorKind::kDenied) cause = "denied";
  if (error.kind == RedisErrorKind::kNotSignedIn) cause = "denied";
  return NotLetIn(cause);
}

bool IsPrimary(const RedisReply& role) {
  const auto* parts = role.Array();
  return parts != nullptr && !parts->empty() && parts->front() == RedisReply{std::string("master")};
}

StatusTask SignIn(std::shared_ptr<RedisSession> session,
                  std::shared_ptr<const RedisOptions> options) {
  CO_ASSIGN_OR_RETURN(std::vector<RedisCommand> commands, SignInCommands(*options));
  CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> replies,
                      co_await RedisSession::AskWithin(options->connect_timeout, std::move(session),
                                                       std::move(commands)));
  const bool asked_role = options->locator != nullptr;
  for (const RedisReply& reply : replies) {
    const RedisError* error = reply.Error();
    if (error == nullptr) continue;
    // A user may be allowed to do what we need and still not to PING.
    const bool is_role = asked_role && &reply == &replies.back();
    if (error->kind != RedisErrorKind::kDenied || is_role) co_return Refused(*error);
  }
  if (asked_role && !IsPrimary(replies.back())) co_return NotLetIn("not_primary");
  co_return absl::OkStatus();
}

}  // namespace

RedisSession::RedisSession(std::shared_ptr<Stream> stream, std::size_t max_reply_bytes)
    : stream_(std::move(stream)), reader_(max_reply_bytes), buffer_(kReadBytes) {}

Task<std::shared_ptr<RedisSession>> RedisSession::Open(
    std::shared_ptr<const RedisOptions> options) {
  StreamEndpoint endpoint = options->endpoint;
  if (options->locator != nullptr) {
    CO_ASSIGN_OR_RETURN(endpoint, co_await options->locator->Locate());
  }
  StreamEndpoint located = endpoint;
  CO_ASSIGN_OR_RETURN(std::shared_ptr<Stream> stream,
                      co_await ConnectStream(std::move(endpoint), options->connect_timeout));
  auto session = std::make_shared<RedisSession>(std::move(stream), options->max_reply_bytes);
  absl::Status status = co_await SignIn(session, options);
  // A primary that slept through a failover calls itself one for a while.
  if (status.ok() && options->locator != nullptr && !options->locator->IsCurrent(located)) {
    status = NotLetIn("not_primary");
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

Task<std::vector<RedisReply>> RedisSession::AskWithin(absl::Duration timeout,
                                                      std::shared_ptr<RedisSession> session,
                                                      std::vector<RedisCommand> commands) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(absl::ToChronoNanoseconds(timeout));
  timer.async_wait([watched = std::weak_ptr<RedisSession>(session)](asio::error_code cancelled) {
    const auto late = watched.lock();
    if (!cancelled && late != nullptr) late->Close();
  });
  absl::StatusOr<std::vector<RedisReply>> replies = co_await session->Ask(std::move(commands));
  // Zero where the timer had fired: its closing of the session is done or on its way.
  if (timer.cancel() == 0) {
    co_return WithDelivery(Error(Reason::kStoreUnavailable), Delivery::kNotSent, "timeout");
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
