#include "net/redis_sentinels.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "net/delivery.h"

namespace tokenbroker {
namespace {

constexpr char kSwitchChannel[] = "+switch-master";

absl::Status NoAnswer() {
  return WithDelivery(Error(Reason::kStoreUnavailable), Delivery::kNotSent, "sentinel");
}

// The number beside `name` in what SENTINEL MASTER says: names and values in turn.
std::uint64_t NumberIn(const RedisReply& reply, std::string_view name) {
  std::uint64_t number = 0;
  const auto* fields = reply.Array();
  for (std::size_t i = 0; fields != nullptr && i + 1 < fields->size(); i += 2) {
    const std::string* field = (*fields)[i].String();
    const std::string* value = (*fields)[i + 1].String();
    if (field == nullptr || value == nullptr || *field != name) continue;
    if (!absl::SimpleAtoi(*value, &number)) return 0;
  }
  return number;
}

}  // namespace

std::shared_ptr<RedisSentinels> RedisSentinels::Create(Runtime& runtime,
                                                       RedisSentinelOptions options) {
  return std::shared_ptr<RedisSentinels>(new RedisSentinels(runtime, std::move(options)));
}

Task<StreamEndpoint> RedisSentinels::Locate() {
  const std::size_t first = First();
  std::optional<Answer> outdated;
  std::size_t said_by = 0;
  for (std::size_t i = 0; i < options_.sentinels.size(); ++i) {
    const std::size_t sentinel = (first + i) % options_.sentinels.size();
    absl::StatusOr<Answer> answer = co_await Ask(sentinel);
    if (!answer.ok()) continue;
    if (!IsOutdated(*answer)) co_return Follow(*std::move(answer), sentinel);
    if (!outdated || outdated->epoch < answer->epoch) {
      outdated = *std::move(answer);
      said_by = sentinel;
    }
  }
  // All of them begin to count anew after SENTINEL RESET.
  if (outdated) co_return Follow(*std::move(outdated), said_by);
  co_return NoAnswer();
}

Task<RedisSentinels::Answer> RedisSentinels::Ask(std::size_t sentinel) const {
  std::shared_ptr<const RedisOptions> redis = options_.sentinels[sentinel];
  CO_ASSIGN_OR_RETURN(const std::shared_ptr<RedisSession> session,
                      co_await RedisSession::Open(std::move(redis)));
  std::vector<RedisCommand> questions = {
      {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", options_.master_name},
      {"SENTINEL", "MASTER", options_.master_name}};
  const absl::Duration timeout = options_.sentinels[sentinel]->connect_timeout;
  CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> replies,
                      co_await RedisSession::AskWithin(timeout, session, std::move(questions)));
  session->Close();
  const auto* address = replies[0].Array();
  if (address == nullptr || address->size() != 2 || (*address)[0].String() == nullptr ||
      (*address)[1].String() == nullptr) {
    co_return NoAnswer();
  }
  Answer answer;
  answer.host = *(*address)[0].String();
  answer.port = *(*address)[1].String();
  answer.epoch = NumberIn(replies[1], "config-epoch");
  answer.replicas = NumberIn(replies[1], "num-slaves");
  co_return answer;
}

absl::StatusOr<StreamEndpoint> RedisSentinels::Follow(Answer answer, std::size_t sentinel) {
  std::uint32_t port = 0;
  if (answer.host.empty() || !absl::SimpleAtoi(answer.port, &port) || port == 0 || port > 65535) {
    return NoAnswer();
  }
  std::function<void()> moved;
  {
    const MutexLock lock(mutex_);
    const bool same = host_.empty() || (host_ == answer.host && port_ == answer.port);
    if (!same) moved = moved_;
    first_ = sentinel;
    epoch_ = answer.epoch;
    host_ = answer.host;
    port_ = answer.port;
    replicas_ = answer.replicas;
  }
  // Before the news of it has come: other connections must not stay behind.
  if (moved) moved();
  return TcpEndpoint{.host = std::move(answer.host),
                     .port = static_cast<std::uint16_t>(port),
                     .tls = options_.primary_tls,
                     .server_name = options_.primary_server_name};
}

bool RedisSentinels::IsOutdated(const Answer& answer) {
  const MutexLock lock(mutex_);
  return answer.epoch < epoch_;
}

bool RedisSentinels::IsCurrent(const StreamEndpoint& endpoint) {
  const auto* tcp = std::get_if<TcpEndpoint>(&endpoint);
  const MutexLock lock(mutex_);
  return tcp != nullptr && tcp->host == host_ && std::to_string(tcp->port) == port_;
}

std::optional<RedisSentinels::Primary> RedisSentinels::Followed() {
  const MutexLock lock(mutex_);
  if (host_.empty()) return std::nullopt;
  return Primary{.host = host_, .port = port_, .replicas = static_cast<int>(replicas_)};
}

std::size_t RedisSentinels::First() {
  const MutexLock lock(mutex_);
  return first_;
}

void RedisSentinels::Watch(std::function<void()> moved) {
  {
    const MutexLock lock(mutex_);
    moved_ = std::move(moved);
  }
  for (std::size_t i = 0; i < options_.sentinels.size(); ++i) {
    RedisSubscriberCallbacks callbacks;
    callbacks.on_connected = [this, i] {
      if (auto self = weak_from_this().lock()) runtime_.Spawn(CatchUp(std::move(self), i));
    };
    callbacks.on_disconnected = [] {};
    callbacks.on_message = [this, i](std::string_view, const RedisReply& payload) {
      OnMessage(i, payload);
    };
    RedisSubscription subscription{.channels = {kSwitchChannel}};
    subscribers_.push_back(std::make_unique<RedisSubscriber>(
        runtime_, options_.sentinels[i], std::move(subscription), std::move(callbacks)));
  }
}

void RedisSentinels::StopWatching() {
  subscribers_.clear();
  const MutexLock lock(mutex_);
  moved_ = {};
}

void RedisSentinels::OnMessage(std::size_t sentinel, const RedisReply& payload) {
  if (payload.String() == nullptr) return;
  // <master name> <old host> <old port> <new host> <new port>
  const std::vector<std::string> words = absl::StrSplit(*payload.String(), ' ');
  if (words.size() != 5 || words[0] != options_.master_name) return;
  TellIfMoved(words[3], words[4], sentinel);
}

asio::awaitable<void> RedisSentinels::CatchUp(std::shared_ptr<RedisSentinels> self,
                                              std::size_t sentinel) {
  const absl::StatusOr<Answer> answer = co_await self->Ask(sentinel);
  if (answer.ok() && !self->IsOutdated(*answer)) {
    self->TellIfMoved(answer->host, answer->port, sentinel);
  }
}

void RedisSentinels::TellIfMoved(const std::string& host, const std::string& port,
                                 std::size_t sentinel) {
  std::function<void()> moved;
  {
    const MutexLock lock(mutex_);
    if (host_.empty() || (host == host_ && port == port_)) return;
    first_ = sentinel;
    moved = moved_;
  }
  if (moved) moved();
}

}  // namespace tokenbroker
