// How long a replacement takes from its commit at one replica to those who watch it at another.
//
//   watch_fan_out_bench [--rounds=50] [--streams=1,100,1000]
//
// Two stores on one redis-server, a stand-in for two replicas: one commits, a broker on the other
// has the streams. Who watches is a process of its own, which reads on one thread. Each token says
// when its commit was begun, so that the commit's own round trip is in what is measured. For each
// number of streams: all at a bare gRPC server that hands out what it is given, the baseline; all
// of one grant; and then one of a grant each, of which one is replaced at a time. `ratio` is the
// median over that of the baseline.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "bench/bare_fan_out.h"
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
#include "support/require.h"
#include "telemetry/request_log.h"
#include "tokenbroker/v1/token_broker.grpc.pb.h"

namespace tokenbroker::bench {
namespace {

using testing::Require;

constexpr std::size_t kTokenBytes = 1200;
constexpr int kThreads = 2;  // of each server

struct Options {
  int rounds = 50;
  std::vector<std::size_t> streams = {1, 100, 1000};
  std::string watch;  // the address of the server, in the process of those who watch
  std::size_t grants = 1;
};

std::string GrantId(std::size_t number) { return absl::StrCat("watched-grant-", number); }

// ---- those who watch ----

struct Stream {
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientAsyncReader<v1::GetAccessTokenResponse>> reader;
  v1::GetAccessTokenResponse response;
  bool begun = false;
};

// A token that says when it was made.
std::string NewToken() {
  std::string token = absl::StrCat(absl::ToUnixMicros(absl::Now()), ".");
  token.resize(kTokenBytes, 'x');
  return token;
}

// From the commit to now, in milliseconds.
double AgeOf(const v1::GetAccessTokenResponse& response) {
  std::int64_t micros = 0;
  const std::string& token = response.access_token();
  std::from_chars(token.data(), token.data() + token.size(), micros);
  return absl::ToDoubleMilliseconds(absl::Now() - absl::FromUnixMicros(micros));
}

// Waits until `count` tokens have come; returns how old each was.
std::vector<double> Receive(grpc::CompletionQueue& queue, std::size_t count) {
  std::vector<double> ages;
  void* tag = nullptr;
  bool ok = false;
  while (ages.size() < count && queue.Next(&tag, &ok)) {
    auto* stream = static_cast<Stream*>(tag);
    if (!ok) {
      grpc::Status status;
      stream->reader->Finish(&status, nullptr);
      queue.Next(&tag, &ok);
      std::fprintf(stderr, "a stream ended: %s\n", status.error_message().c_str());
      std::exit(1);
    }
    // The first event of a stream is its beginning.
    if (std::exchange(stream->begun, true)) ages.push_back(AgeOf(stream->response));
    stream->reader->Read(&stream->response, stream);
  }
  return ages;
}

double At(const std::vector<double>& sorted, double part) {
  return sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
}

void WatchAll(const Options& options) {
  const std::size_t streams = options.streams.front();
  grpc::CompletionQueue queue;
  const auto stub = v1::TokenBroker::NewStub(
      grpc::CreateChannel(options.watch, grpc::InsecureChannelCredentials()));
  std::vector<std::unique_ptr<Stream>> all;
  for (std::size_t i = 0; i < streams; ++i) {
    v1::WatchAccessTokenRequest request;
    request.set_grant_id(GrantId(i % options.grants));
    all.push_back(std::make_unique<Stream>());
    all.back()->reader =
        stub->AsyncWatchAccessToken(&all.back()->context, request, &queue, all.back().get());
  }
  Receive(queue, streams);
  std::cout << "ready" << std::endl;
  std::vector<double> first;
  std::vector<double> each;
  std::vector<double> last;
  for (int round = 0; round < options.rounds; ++round) {
    const std::vector<double> ages = Receive(queue, streams / options.grants);
    first.push_back(std::ranges::min(ages));
    last.push_back(std::ranges::max(ages));
    each.insert(each.end(), ages.begin(), ages.end());
    std::cout << "received" << std::endl;
  }
  for (auto* durations : {&first, &each, &last}) std::ranges::sort(*durations);
  for (const double value :
       {At(first, 0.5), At(each, 0.5), At(each, 0.99), At(last, 0.5), At(last, 1)}) {
    std::printf("%g ", value);
  }
  std::printf("\n");
  std::fflush(stdout);
  std::_Exit(0);  // the streams are left open
}

// The process that does it.
class Watchers {
 public:
  Watchers(const std::string& address, std::size_t streams, std::size_t grants, int rounds) {
    std::array<int, 2> output{};
    if (::pipe(output.data()) != 0) std::abort();
    const std::array<std::string, 4> flags = {
        absl::StrCat("--watch=", address), absl::StrCat("--streams=", streams),
        absl::StrCat("--grants=", grants), absl::StrCat("--rounds=", rounds)};
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(output[1], STDOUT_FILENO);
      ::close(output[0]);
      ::execl("/proc/self/exe", "watch_fan_out_bench", flags[0].c_str(), flags[1].c_str(),
              flags[2].c_str(), flags[3].c_str(), nullptr);
      std::_Exit(1);
    }
    ::close(output[1]);
    said_ = ::fdopen(output[0], "r");
  }
  Watchers(const Watchers&) = delete;
  Watchers& operator=(const Watchers&) = delete;
  ~Watchers() {
    std::fclose(said_);
    ::waitpid(pid_, nullptr, 0);
  }

  std::string Hear() {
    std::array<char, 256> line{};
    if (std::fgets(line.data(), line.size(), said_) == nullptr) {
      std::fprintf(stderr, "those who watch are gone\n");
      std::exit(1);
    }
    return line.data();
  }

 private:
  pid_t pid_ = -1;
  FILE* said_ = nullptr;
};

// ---- the replicas ----

class NoSink final : public telemetry::LineSink {
 public:
  void Write(std::string_view) override {}
};

grants::KeyRing MakeRing() {
  std::vector<grants::SealingKey> keys;
  keys.push_back({"bench", Secret(std::string(grants::kSealingKeySize, 'k'))});
  return Require(grants::KeyRing::Create(std::move(keys)));
}

std::vector<broker::Client> MakeClients() {
  std::vector<broker::Client> clients;
  clients.push_back({.name = "web"});
  return clients;
}

std::shared_ptr<callers::Authenticator> MakeAuthenticator(const Clock& clock) {
  std::vector<callers::Caller> all;
  all.push_back({.name = "bench", .rpcs = {"*"}, .clients = callers::Names{"web"}});
  callers::Authenticator::Options options;
  options.anonymous_caller = "bench";
  return Require(callers::Authenticator::Create(Require(callers::Policy::Create(std::move(all))),
                                                std::move(options), clock));
}

double ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  file >> pages >> pages;
  return pages * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

class Replicas {
 public:
  explicit Replicas(std::size_t grants) {
    store_.Observe(&changes_);
    for (std::size_t i = 0; i < grants; ++i) Create(GrantId(i));
    server_ = Require(
        rpc::Server::Start({.listen = "127.0.0.1:0"}, {&service_}, runtime_.executor(), clock_));
  }
  ~Replicas() {
    server_->Shutdown(absl::Seconds(1));
    store_.Observe(nullptr);
    server_.reset();
    runtime_.Stop();
  }

  const std::string& address() const { return server_->address(); }

  void Replace(std::size_t number) {
    grants::Grant& grant = grants_[number];
    grants::GrantCommit commit{.grant = grant.Copy(), .expected_generation = grant.generation};
    commit.grant.generation += 1;
    SetToken(commit.grant);
    grant = commit.grant.Copy();
    const absl::Status stored =
        RunBlocking(runtime_, committing_store_.CommitGrant(std::move(commit)));
    if (!stored.ok()) std::abort();
  }

 private:
  void SetToken(grants::Grant& grant) {
    grants::AccessToken token;
    token.token_type = "Bearer";
    token.obtained_at = clock_.Now();
    token.expires_at = token.obtained_at + absl::Hours(1);
    token.scopes = grant.scopes;
    token.value = Secret(NewToken());
    grant.access_tokens.insert_or_assign(grants::TokenSelector{}, std::move(token));
  }

  void Create(std::string id) {
    grants::Grant grant;
    grant.id = std::move(id);
    grant.caller = "bench";
    grant.client = "web";
    grant.scopes = {"openid"};
    grant.created_at = clock_.Now();
    grant.last_used_at = clock_.Now();
    SetToken(grant);
    if (!RunBlocking(runtime_, committing_store_.CreateGrant(grant.Copy())).ok()) std::abort();
    grant.generation = 1;
    grants_.push_back(std::move(grant));
  }

  const SystemClock clock_;
  const testing::RedisServer redis_;
  Runtime runtime_{kThreads};
  const grants::KeyRing ring_ = MakeRing();
  storage::RedisGrantStore committing_store_{
      runtime_, clock_, ring_, {.redis = redis_.Options(), .connections = 1}};
  storage::RedisGrantStore store_{runtime_, clock_, ring_, {.redis = redis_.Options()}};
  broker::TokenCache cache_{clock_, {}};
  broker::GrantChanges changes_{cache_};
  const broker::Clients clients_{MakeClients()};
  broker::Broker broker_{
      clients_, store_, clock_, cache_, changes_, runtime_, {.replica = "bench"}};
  const std::shared_ptr<callers::Authenticator> authenticator_ = MakeAuthenticator(clock_);
  NoSink sink_;
  telemetry::RequestLog log_{sink_, {}};
  telemetry::RpcMetrics metrics_{{"WatchAccessToken"}};
  rpc::Gate gate_{authenticator_, rpc::Gate::Certificates::kNone, log_, metrics_, clock_};
  rpc::TokenBrokerService service_{broker_, gate_};
  std::unique_ptr<rpc::Server> server_;
  std::vector<grants::Grant> grants_;
};

// Opens the streams at `address` and has `replace` replace one grant's token in each round. Prints
// a row, and returns the median.
double Measure(const std::string& address, std::size_t streams, std::size_t grants, int rounds,
               double baseline, const std::function<void(std::size_t)>& replace) {
  const double before = ResidentBytes();
  Watchers watchers(address, streams, grants, rounds);
  watchers.Hear();
  const double grown = ResidentBytes() - before;
  for (int round = 0; round < rounds; ++round) {
    replace(static_cast<std::size_t>(round) % grants);
    watchers.Hear();
  }
  std::istringstream times(watchers.Hear());
  std::vector<double> row{std::istream_iterator<double>(times), {}};
  const double median = row.at(1);
  for (const double value : row) std::printf(" %9.2f", value);
  if (baseline == 0) baseline = median;
  std::printf(" %8.1f %11.0f\n", median / baseline, grown / static_cast<double>(streams));
  std::fflush(stdout);
  return median;
}

double MeasureBare(std::size_t streams, int rounds) {
  BareFanOut bare(kThreads);
  bare.Publish(NewToken());
  std::printf("%8zu %8s", streams, "bare");
  return Measure(bare.address(), streams, 1, rounds, 0,
                 [&bare](std::size_t) { bare.Publish(NewToken()); });
}

void MeasureBroker(std::size_t streams, std::size_t grants, int rounds, double baseline) {
  Replicas replicas(grants);
  std::printf("%8zu %8zu", streams, grants);
  Measure(replicas.address(), streams, grants, rounds, baseline,
          [&replicas](std::size_t number) { replicas.Replace(number); });
}

void Run(const Options& options) {
  std::printf("milliseconds from the commit at one replica to the streams at another\n\n");
  std::printf("%8s %8s %9s %9s %9s %9s %9s %8s %11s\n", "streams", "grants", "first", "median",
              "p99", "last", "worst", "ratio", "bytes each");
  for (const std::size_t streams : options.streams) {
    const double bare = MeasureBare(streams, options.rounds);
    MeasureBroker(streams, 1, options.rounds, bare);
    if (streams > 1) MeasureBroker(streams, streams, options.rounds, bare);
  }
}

std::optional<Options> ParseOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::pair<std::string, std::string> flag =
        absl::StrSplit(std::string(argv[i]), absl::MaxSplits('=', 1));
    bool ok = true;
    if (flag.first == "--rounds") {
      ok = absl::SimpleAtoi(flag.second, &options.rounds) && options.rounds > 0;
    } else if (flag.first == "--grants") {
      ok = absl::SimpleAtoi(flag.second, &options.grants) && options.grants > 0;
    } else if (flag.first == "--watch") {
      options.watch = flag.second;
    } else if (flag.first == "--streams") {
      options.streams.clear();
      for (const auto part : absl::StrSplit(flag.second, ',')) {
        std::size_t number = 0;
        ok = ok && absl::SimpleAtoi(part, &number) && number > 0;
        options.streams.push_back(number);
      }
    } else {
      ok = false;
    }
    if (!ok) return std::nullopt;
  }
  return options;
}

}  // namespace
}  // namespace tokenbroker::bench

int main(int argc, char** argv) {
  // As the broker's own main does: Debian builds Abseil with it on.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const auto options = tokenbroker::bench::ParseOptions(argc, argv);
  if (!options) {
    std::cerr << "usage: watch_fan_out_bench [--rounds=N] [--streams=N,...]\n";
    return 2;
  }
  if (options->watch.empty()) {
    tokenbroker::bench::Run(*options);
  } else {
    tokenbroker::bench::WatchAll(*options);
  }
  return 0;
}
