// What refreshes without callers cost, and how late they are, beside a bare libcurl loop in one
// run.
//
//   scheduler_bench [--grants=10000,100000] [--rate=2000] [--seconds=10] [--in-flight=128]
//
// 1. A bare libcurl multi loop posts token requests to a stub of a provider, for `seconds`.
// 2. The scheduler refreshes grants of a store in memory at the same stub, as fast as it can.
// 3. For each number of grants, in a redis-server with so many: as fast as it can; then `rate` of
// them
//    are due in each second, for `seconds`.
//
// CPU time is that of the process (this one, redis-server) over the work; the stub is another's.
#include <curl/curl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "bench/bare_loop.h"
#include "bench/grant_filler.h"
#include "bench/provider_stub.h"
#include "broker/broker.h"
#include "broker/scheduler.h"
#include "net/curl_http_client.h"
#include "net/redis_connection.h"
#include "provider/http_provider.h"
#include "storage/memory/memory_grant_store.h"
#include "support/redis_server.h"
#include "support/require.h"

namespace tokenbroker::bench {
namespace {

using testing::Require;

struct Options {
  std::vector<std::size_t> grants = {10'000, 100'000};
  double rate = 2000;
  double seconds = 10;
  std::size_t in_flight = 128;
};

// User and system time of all threads of this process, in seconds.
double OwnCpu() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double OwnMegabytes() {
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  file >> pages >> pages;
  return pages * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

class NoSink final : public telemetry::LineSink {
 public:
  void Write(std::string_view) override {}
};

// The broker without its front: a scheduler on `store`, whose grants are refreshed at the stub.
class World {
 public:
  World(Runtime& runtime, grants::GrantStore& store, const ProviderStub& stub,
        std::size_t in_flight)
      : runtime_(runtime),
        http_(Require(CurlHttpClient::Create(
            runtime_, clock_, {.address_policy = {.also_allowed = {AddressScope::kLoopback}}}))),
        clients_(MakeClients(stub)),
        changes_(cache_),
        broker_(clients_, store, clock_, cache_, changes_, runtime_, {.replica = "bench"}),
        reaper_(clients_, store, clock_, runtime_, log_, {}),
        scheduler_(clients_, store, clock_, runtime_, broker_.refresh(), reaper_,
                   {.bounds = {.in_all = static_cast<int>(in_flight),
                               .per_provider = static_cast<int>(in_flight)},
                    .slow_start = absl::ZeroDuration()}) {
    store.Observe(&changes_);
  }

  broker::Scheduler& scheduler() { return scheduler_; }

 private:
  std::vector<broker::Client> MakeClients(const ProviderStub& stub) {
    provider::HttpProviderOptions options{.name = kClient,
                                          .issuer = "https://op.example.test",
                                          .scheme = oauth::HttpScheme::kHttpOnLoopbackToo,
                                          .max_in_flight = 1 << 20};
    options.fixed_metadata =
        oauth::ProviderMetadata{.issuer = options.issuer,
                                .authorization_endpoint = "https://op.example.test/authorize",
                                .token_endpoint = stub.token_endpoint(),
                                .jwks_uri = "https://op.example.test/jwks"};
    provider::Registration registration{.client_id = "broker"};
    registration.authentications.emplace_back(oauth::ClientSecretBasic{Secret("secret")});
    std::vector<broker::Client> clients;
    clients.push_back({.name = kClient,
                       .provider = std::make_shared<provider::HttpProvider>(
                           runtime_, *http_, clock_, log_, std::move(options)),
                       .registration = std::move(registration),
                       .refresh = {.jitter = 0}});
    return clients;
  }

  const SystemClock clock_;
  NoSink sink_;
  const telemetry::Log log_{sink_, clock_, telemetry::Level::kError, telemetry::Format::kText};
  Runtime& runtime_;
  const std::unique_ptr<HttpClient> http_;
  const broker::Clients clients_;
  broker::TokenCache cache_{clock_, {}};
  broker::GrantChanges changes_;
  broker::Broker broker_;
  broker::Reaper reaper_;
  broker::Scheduler scheduler_;
};

// One redis-server and how it is asked about itself.
class Redis {
 public:
  explicit Redis(Runtime& runtime) : runtime_(runtime), plain_(runtime, clock_, Options()) {}

  storage::RedisStoreOptions StoreOptions() const { return {.redis = Options()}; }
  double Megabytes() { return Number("memory", "used_memory:") / (1 << 20); }
  double Cpu() { return Number("cpu", "used_cpu_user:") + Number("cpu", "used_cpu_sys:"); }

 private:
  std::shared_ptr<const RedisOptions> Options() const {
    auto options = server_.Options();
    options->command_timeout = absl::Minutes(1);
    return options;
  }
  double Number(const std::string& section, std::string_view field) {
    const auto reply =
        Require(RunBlocking(runtime_, plain_.Command({"INFO", section}, absl::InfiniteFuture())));
    const std::string& text = *reply.String();
    double number = 0;
    const auto at = text.find(field);
    if (at == std::string::npos) return 0;
    const std::string value = text.substr(at + field.size(), 30);
    (void)absl::SimpleAtod(value.substr(0, value.find('\r')), &number);
    return number;
  }

  Runtime& runtime_;
  const SystemClock clock_;
  testing::RedisServer server_;
  RedisConnection plain_;
};

struct Outcome {
  double refreshes = 0;
  double seconds = 0;
  double own_cpu = 0;
  double redis_cpu = 0;
};

// Runs the scheduler, from `begin` on, until it has refreshed `wanted` grants more than
// `refreshed_before`, or `patience` is over.
Outcome Watch(World& world, Redis* redis, std::uint64_t refreshed_before, std::size_t wanted,
              absl::Time begin, absl::Duration patience) {
  if (begin > absl::Now()) absl::SleepFor(begin - absl::Now());
  const double own = OwnCpu();
  const double redis_before = redis == nullptr ? 0 : redis->Cpu();
  const absl::Time began = absl::Now();
  const auto done = [&] { return world.scheduler().state().refreshed - refreshed_before; };
  while (done() < wanted && absl::Now() - began < patience) absl::SleepFor(absl::Milliseconds(5));
  return {.refreshes = static_cast<double>(done()),
          .seconds = absl::ToDoubleSeconds(absl::Now() - began),
          .own_cpu = OwnCpu() - own,
          .redis_cpu = redis == nullptr ? 0 : redis->Cpu() - redis_before};
}

void Settle(World& world) {
  world.scheduler().Stop();
  while (world.scheduler().state().in_hand > 0) absl::SleepFor(absl::Milliseconds(5));
}

void Print(const std::string& what, const Outcome& outcome, double bare_cpu) {
  const double own = outcome.own_cpu / outcome.refreshes * 1e6;
  std::printf("%-34s %9.0f/s %9.1f us %9.1f us %10.0f/s %6.2f\n", what.c_str(),
              outcome.refreshes / outcome.seconds, own, outcome.redis_cpu / outcome.refreshes * 1e6,
              1e6 / own, bare_cpu > 0 ? bare_cpu / own : 1);
  std::fflush(stdout);
}

double BareLoop(const Options& options, const ProviderStub& stub) {
  RunBareLoop(stub.token_endpoint(), options.in_flight, options.seconds / 10);  // to warm up
  const double before = OwnCpu();
  const auto answered =
      static_cast<double>(RunBareLoop(stub.token_endpoint(), options.in_flight, options.seconds));
  const Outcome outcome{
      .refreshes = answered, .seconds = options.seconds, .own_cpu = OwnCpu() - before};
  Print("bare libcurl multi loop", outcome, 0);
  return outcome.own_cpu / answered * 1e6;
}

void InMemory(const Options& options, const ProviderStub& stub, double bare_cpu) {
  Runtime runtime(2);
  const SystemClock clock;
  const auto count = static_cast<std::size_t>(options.rate * options.seconds);
  storage::MemoryGrantStore store(clock, {.grants = count});
  for (std::size_t i = 0; i < count; ++i) {
    grants::Grant grant = GrantDueAt(clock.Now(), clock.Now());
    if (!RunBlocking(runtime, store.CreateGrant(std::move(grant))).ok()) std::abort();
  }
  World world(runtime, store, stub, options.in_flight);
  world.scheduler().Start();
  Print("scheduler, store in memory",
        Watch(world, nullptr, 0, count, absl::Now(), absl::Minutes(5)), bare_cpu);
  Settle(world);
  runtime.Stop();
}

void InRedis(const Options& options, const ProviderStub& stub, std::size_t grants,
             double bare_cpu) {
  Runtime runtime(2);
  const SystemClock clock;
  Redis redis(runtime);
  const double empty = redis.Megabytes();
  const auto paced = static_cast<std::size_t>(options.rate * options.seconds);
  FillRedis(runtime, redis.StoreOptions(), grants, {.first = clock.Now()});
  const double full = redis.Megabytes();

  const grants::KeyRing ring = BenchRing();
  storage::RedisGrantStore store(runtime, clock, ring, redis.StoreOptions());
  World world(runtime, store, stub, options.in_flight);
  FillRedis(runtime, redis.StoreOptions(), paced,
            {.first = clock.Now(), .per_second = 1e9, .count = paced});
  const double before = OwnMegabytes();
  world.scheduler().Start();
  const std::string name = std::to_string(grants) + " grants in Redis";
  Print(name + ", all at once", Watch(world, &redis, 0, paced, clock.Now(), absl::Minutes(5)),
        bare_cpu);

  (void)stub.TakeLateness();
  // Read before the first can be due.
  const std::uint64_t refreshed = world.scheduler().state().refreshed;
  const absl::Time first = clock.Now() + absl::Seconds(3 + static_cast<double>(paced) / 2000);
  FillRedis(runtime, redis.StoreOptions(), paced,
            {.first = first, .per_second = options.rate, .count = paced});
  if (clock.Now() > first)
    std::printf("  filling took too long: the first were due before its end\n");
  Print(name + ", paced", Watch(world, &redis, refreshed, paced, first, absl::Minutes(5)),
        bare_cpu);
  const Lateness late = stub.TakeLateness();
  std::printf(
      "  %.0f due in each second: late by %.0f ms (median), %.0f ms (p99), %.0f ms (longest) of "
      "%llu\n",
      options.rate, late.p50, late.p99, late.longest,
      static_cast<unsigned long long>(late.requests));
  std::printf("  memory: %.0f bytes for each grant in Redis; this process grew by %.1f MiB\n",
              (full - empty) * (1 << 20) / static_cast<double>(grants), OwnMegabytes() - before);
  Settle(world);
  store.Observe(nullptr);
  runtime.Stop();
}

bool ReadNumber(std::string_view text, double& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number > 0;
}

std::optional<Options> ParseOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const auto equals = argument.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string_view name = argument.substr(0, equals);
    const std::string value(argument.substr(equals + 1));
    double number = 0;
    if (name == "--grants") {
      options.grants.clear();
      for (const auto part : absl::StrSplit(value, ',')) {
        if (!ReadNumber(std::string_view(part.data(), part.size()), number)) return std::nullopt;
        options.grants.push_back(static_cast<std::size_t>(number));
      }
      continue;
    }
    if (!ReadNumber(value, number)) return std::nullopt;
    if (name == "--rate") {
      options.rate = number;
    } else if (name == "--seconds") {
      options.seconds = number;
    } else if (name == "--in-flight") {
      options.in_flight = static_cast<std::size_t>(number);
    } else {
      return std::nullopt;
    }
  }
  return options;
}

void Run(const Options& options) {
  const ProviderStub stub;  // before any thread
  std::printf("%-34s %11s %12s %12s %12s %6s\n", "", "refreshes", "CPU each", "Redis CPU",
              "per core", "ratio");
  const double bare_cpu = BareLoop(options, stub);
  InMemory(options, stub, bare_cpu);
  for (const std::size_t grants : options.grants) InRedis(options, stub, grants, bare_cpu);
}

}  // namespace
}  // namespace tokenbroker::bench

int main(int argc, char** argv) {
  // As the broker's own main does: Debian builds Abseil with it on.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const auto options = tokenbroker::bench::ParseOptions(argc, argv);
  if (!options) {
    std::cerr
        << "usage: scheduler_bench [--grants=N,...] [--rate=N] [--seconds=S] [--in-flight=N]\n";
    return 2;
  }
  curl_global_init(CURL_GLOBAL_DEFAULT);
  tokenbroker::bench::Run(*options);
  return 0;
}
