// How long a replacement takes from its commit at one replica to those who watch it at another.
//
//   watch_fan_out_bench --rounds=200
//
// Two stores on one redis-server: one commits, a broker on the other has the streams, which a
// client in this process reads on one thread. The clock starts before the commit is sent, so that
// the commit's own round trip is in it.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "broker/broker.h"
#include "callers/authenticator.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/create_channel.h"
#include "net/runtime.h"
#include "rpc/gate.h"
#include "rpc/server.h"
#include "rpc/token_broker_service.h"
#include "storage/redis/redis_grant_store.h"
#include "support/redis_server.h"
#include "telemetry/request_log.h"
#include "tokenbroker/v1/token_broker.grpc.pb.h"

ABSL_FLAG(int, rounds, 100, "how often the token is replaced, for each number of streams");
ABSL_FLAG(bool, quick, false, "small numbers of streams alone");

namespace tokenbroker::bench {
namespace {

constexpr std::size_t kTokenBytes = 1200;
constexpr char kGrantId[] = "watched-grant";

template <typename T>
T Require(absl::StatusOr<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "%s\n", result.status().ToString().c_str());
    std::abort();
  }
  return *std::move(result);
}

class NullSink final : public telemetry::LineSink {
 public:
  void Write(std::string_view) override {}
};

// One who watches; a tag of the client's queue.
struct Stream {
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientAsyncReader<v1::GetAccessTokenResponse>> reader;
  v1::GetAccessTokenResponse token;
  bool begun = false;
};

grants::Grant MakeGrant(absl::Time now) {
  grants::Grant grant;
  grant.id = kGrantId;
  grant.caller = "bench";
  grant.client = "web";
  grant.scopes = {"openid"};
  grant.created_at = now;
  grant.last_used_at = now;
  return grant;
}

// A token that says its number.
void SetToken(grants::Grant& grant, std::uint64_t number, absl::Time now) {
  grants::AccessToken token;
  std::string value = absl::StrCat(number, ".");
  value.resize(kTokenBytes, 'x');
  token.value = Secret(value);
  token.token_type = "Bearer";
  token.obtained_at = now;
  token.expires_at = now + absl::Hours(1);
  token.scopes = grant.scopes;
  grant.access_tokens.insert_or_assign(grants::TokenSelector{}, std::move(token));
}

// Waits until `count` streams have had a token that is not the last one; returns when each came.
std::vector<absl::Time> ReadAll(grpc::CompletionQueue& queue, std::size_t count) {
  std::vector<absl::Time> came;
  void* tag = nullptr;
  bool ok = false;
  while (came.size() < count && queue.Next(&tag, &ok)) {
    auto* stream = static_cast<Stream*>(tag);
    if (!ok) {
      std::fprintf(stderr, "a stream broke\n");
      std::abort();
    }
    if (stream->begun) came.push_back(absl::Now());
    stream->begun = true;
    stream->reader->Read(&stream->token, stream);
  }
  return came;
}

double Milliseconds(const std::vector<absl::Duration>& sorted, double part) {
  const auto index = static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1));
  return absl::ToDoubleMilliseconds(sorted[index]);
}

class Bench {
 public:
  Bench()
      : ring_(Require(MakeRing())),
        writer_(runtime_, clock_, ring_, {.redis = redis_.Options(), .key_prefix = "tb"}),
        store_(runtime_, clock_, ring_, {.redis = redis_.Options(), .key_prefix = "tb"}),
        cache_(clock_, {}),
        changes_(cache_),
        clients_(MakeClients()) {
    store_.Observe(&changes_);
    grant_ = MakeGrant(clock_.Now());
    SetToken(grant_, 0, clock_.Now());
    if (!RunBlocking(runtime_, writer_.CreateGrant(grant_.Copy())).ok()) std::abort();
    grant_.generation = 1;
    broker_ = std::make_unique<broker::Broker>(
        clients_, store_, clock_, cache_, changes_, runtime_,
        broker::BrokerOptions{.replica = "bench", .refresh_ahead = false});
    std::vector<callers::Caller> all;
    all.push_back({.name = "bench", .rpcs = {"*"}});
    authenticator_ = Require(callers::Authenticator::Create(
        Require(callers::Policy::Create(std::move(all))), {.anonymous_caller = "bench"}, clock_));
    log_ = std::make_unique<telemetry::RequestLog>(sink_, telemetry::RequestLog::Options{});
    gate_ =
        std::make_unique<rpc::Gate>(*authenticator_, rpc::Gate::Certificates::kNone, *log_, clock_);
    service_ = std::make_unique<rpc::TokenBrokerService>(*broker_, *gate_);
    server_ = Require(rpc::Server::Start({.listen = "127.0.0.1:0"}, {service_.get()},
                                         runtime_.executor(), clock_));
  }

  void Measure(std::size_t streams, int rounds) {
    grpc::CompletionQueue queue;
    const auto stub = v1::TokenBroker::NewStub(
        grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
    v1::WatchAccessTokenRequest request;
    request.set_grant_id(kGrantId);
    std::vector<std::unique_ptr<Stream>> all;
    for (std::size_t i = 0; i < streams; ++i) {
      auto stream = std::make_unique<Stream>();
      stream->reader = stub->AsyncWatchAccessToken(&stream->context, request, &queue, stream.get());
      all.push_back(std::move(stream));
    }
    // The first event of a stream is its beginning, the second the token that there is.
    ReadAll(queue, streams);
    std::vector<absl::Duration> first;
    std::vector<absl::Duration> each;
    std::vector<absl::Duration> last;
    for (int round = 0; round < rounds; ++round) {
      const absl::Time began = Replace();
      const std::vector<absl::Time> came = ReadAll(queue, streams);
      first.push_back(came.front() - began);
      last.push_back(came.back() - began);
      for (const absl::Time at : came) each.push_back(at - began);
    }
    for (auto* durations : {&first, &each, &last}) std::ranges::sort(*durations);
    std::printf("%8zu %10.2f %10.2f %10.2f %10.2f %10.2f\n", streams, Milliseconds(first, 0.5),
                Milliseconds(each, 0.5), Milliseconds(each, 0.99), Milliseconds(last, 0.5),
                Milliseconds(last, 1));
    for (const auto& stream : all) stream->context.TryCancel();
    queue.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue.Next(&tag, &ok)) {
    }
  }

 private:
  static absl::StatusOr<grants::KeyRing> MakeRing() {
    std::vector<grants::SealingKey> keys;
    keys.push_back({"bench", Secret(std::string(grants::kSealingKeySize, 'k'))});
    return grants::KeyRing::Create(std::move(keys));
  }
  static std::vector<broker::Client> MakeClients() {
    std::vector<broker::Client> clients;
    clients.push_back({.name = "web"});
    return clients;
  }

  // Commits another token and returns when that began.
  absl::Time Replace() {
    grants::GrantCommit commit{.grant = grant_.Copy(), .expected_generation = grant_.generation};
    commit.grant.generation += 1;
    SetToken(commit.grant, commit.grant.generation, clock_.Now());
    grant_ = commit.grant.Copy();
    const absl::Time began = absl::Now();
    if (!RunBlocking(runtime_, writer_.CommitGrant(std::move(commit))).ok()) std::abort();
    return began;
  }

  const SystemClock clock_;
  Runtime runtime_{2};
  testing::RedisServer redis_;
  const grants::KeyRing ring_;
  storage::RedisGrantStore writer_;
  storage::RedisGrantStore store_;
  broker::TokenCache cache_;
  broker::GrantChanges changes_;
  const broker::Clients clients_;
  grants::Grant grant_;
  NullSink sink_;
  telemetry::RpcMetrics metrics_{{"WatchAccessToken"}};
  std::unique_ptr<telemetry::RequestLog> log_;
  std::unique_ptr<broker::Broker> broker_;
  std::unique_ptr<callers::Authenticator> authenticator_;
  std::unique_ptr<rpc::Gate> gate_;
  std::unique_ptr<rpc::TokenBrokerService> service_;
  std::unique_ptr<rpc::Server> server_;
};

void Run() {
  Bench bench;
  std::printf("milliseconds from the commit at one replica to the streams at another\n\n");
  std::printf("%8s %10s %10s %10s %10s %10s\n", "streams", "first", "median", "p99", "last",
              "worst");
  std::vector<std::size_t> sizes = {1, 10, 100};
  if (!absl::GetFlag(FLAGS_quick)) sizes.insert(sizes.end(), {1000, 2000, 5000});
  for (const std::size_t streams : sizes) bench.Measure(streams, absl::GetFlag(FLAGS_rounds));
}

}  // namespace
}  // namespace tokenbroker::bench

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  tokenbroker::bench::Run();
}
