#include "net/redis_cluster.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "net/delivery.h"
#include "net/redis_batches.h"
#include "net/redis_cluster_listening.h"
#include "net/redis_cluster_nodes.h"
#include "net/redis_slot.h"

namespace tokenbroker {
namespace {

// Each redirection leads closer; a cluster that sends us around in circles is being rearranged.
constexpr int kMaxRounds = 5;

// A request on its way to a server.
struct Journey {
  std::size_t place = 0;  // among the requests
  RedisNode node;
  bool asking = false;
};

absl::Status NobodyHasIt() {
  return WithDelivery(Error(Reason::kStoreUnavailable), Delivery::kNotSent, "slot_not_served");
}

std::vector<RedisPoolBatch> BatchesOf(const std::vector<Journey>& journeys,
                                      const std::vector<RedisRequest>& requests,
                                      RedisClusterNodes& nodes) {
  std::vector<RedisPoolBatch> batches;
  std::vector<const Journey*> firsts;
  for (std::size_t i = 0; i < journeys.size(); ++i) {
    const Journey& journey = journeys[i];
    const RedisRequest& request = requests[journey.place];
    std::size_t batch = 0;
    for (; batch < batches.size(); ++batch) {
      const bool same = firsts[batch]->node == journey.node &&
                        batches[batch].asking == journey.asking &&
                        batches[batch].replicated == request.replicated;
      if (same) break;
    }
    if (batch == batches.size()) {
      batches.push_back({.pool = nodes.PoolOf(journey.node),
                         .replicated = request.replicated,
                         .asking = journey.asking});
      firsts.push_back(&journey);
    }
    batches[batch].commands.push_back(request.command);
    batches[batch].places.push_back(i);
  }
  return batches;
}

// Where a server that did not carry out the request says that it is carried out.
std::optional<Journey> Redirected(const RedisResult& result, const Journey& journey) {
  const RedisError* error = result.ok() ? result->Error() : nullptr;
  if (error == nullptr) return std::nullopt;
  const bool ask = error->kind == RedisErrorKind::kAsk;
  if (!ask && error->kind != RedisErrorKind::kMoved) return std::nullopt;
  std::optional<RedisNode> node = ReadRedirection(*error, journey.node.host);
  if (!node) return std::nullopt;
  return Journey{.place = journey.place, .node = *std::move(node), .asking = ask};
}

// Whether the map of slots may be wrong.
bool CastsDoubt(const RedisResult& result) {
  if (!result.ok()) return true;
  const RedisError* error = result->Error();
  return error != nullptr &&
         (error->kind == RedisErrorKind::kMoved || error->kind == RedisErrorKind::kClusterDown);
}

// A server that left the cluster while it was being asked: lost on the way, like any connection.
RedisResult AsLost(RedisResult result) {
  if (!HasReason(result.status(), Reason::kShuttingDown)) return result;
  return WithDelivery(Error(Reason::kStoreUnavailable), DeliveryOf(result.status()), "closed");
}

}  // namespace

RedisCluster::RedisCluster(Runtime& runtime, const Clock& clock, RedisPoolOptions pool,
                           RedisClusterOptions options)
    : nodes_(RedisClusterNodes::Start(runtime, clock, std::move(pool), std::move(options))) {}

RedisCluster::~RedisCluster() { nodes_->Close(); }

asio::awaitable<std::vector<RedisResult>> RedisCluster::Send(std::size_t affinity,
                                                             std::vector<RedisRequest> requests) {
  const std::shared_ptr<RedisClusterNodes> nodes = nodes_;
  const absl::StatusOr<std::shared_ptr<const RedisSlotMap>> map = co_await nodes->Map();
  std::vector<RedisResult> results(requests.size(), RedisResult(NobodyHasIt()));
  std::vector<Journey> journeys;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (!map.ok()) {
      results[i] = map.status();
      continue;
    }
    const std::string& key = requests[i].key;
    const RedisNode* node = key.empty() ? nodes->AnyOf(**map) : (*map)->OwnerOf(RedisSlotOf(key));
    if (node == nullptr) {
      nodes->Refresh();
    } else {
      journeys.push_back({.place = i, .node = *node});
    }
  }
  for (int round = 0; round < kMaxRounds && !journeys.empty(); ++round) {
    std::vector<RedisPoolBatch> batches = BatchesOf(journeys, requests, *nodes);
    std::vector<RedisResult> got =
        co_await SendRedisBatches(affinity, std::move(batches), journeys.size());
    std::vector<Journey> next;
    for (std::size_t i = 0; i < journeys.size(); ++i) {
      if (CastsDoubt(got[i])) nodes->Refresh();
      if (auto onward = Redirected(got[i], journeys[i])) next.push_back(*std::move(onward));
      results[journeys[i].place] = AsLost(std::move(got[i]));
    }
    journeys = std::move(next);
  }
  co_return results;
}

std::unique_ptr<RedisListening> RedisCluster::Listen(RedisSubscription subscription,
                                                     RedisSubscriberCallbacks callbacks) {
  return std::make_unique<RedisClusterListening>(nodes_, std::move(subscription),
                                                 std::move(callbacks));
}

}  // namespace tokenbroker
