// What a cached GetAccessToken costs beside a bare gRPC echo of the same size, in one run.
//
//   get_access_token_bench [--rounds=5] [--seconds=3] [--in-flight=32] [--connections=1]
//   [--queues=1]
//
// Each server is a process of its own, whose CPU time is read before and after the load; the load
// comes from this process. The servers take turns, so that a noisy minute hits all of them, and the
// medians of the rounds are printed.
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "bench/bench_servers.h"
#include "bench/closed_loop.h"

namespace tokenbroker::bench {
namespace {

struct Options {
  std::string serve;  // set in a server's process
  std::string load;   // the address of a server that was started by hand
  std::string bearer;
  std::string traceparent;
  double seconds = 3;
  std::size_t rounds = 5;
  std::size_t in_flight = 32;
  std::size_t connections = 1;
  std::size_t queues = 1;
};

struct Contestant {
  const char* name;
  const char* description;
  void (*serve)(std::size_t queues, const Ready& ready);
  const char* traceparent = "";  // that each call has
};

constexpr std::array<Contestant, 5> kContestants = {{
    {"callback-echo", "bare echo, callback API", ServeCallbackEcho},
    {"queue-echo", "bare echo, completion queue", ServeCompletionQueueEcho},
    {"broker", "cached GetAccessToken",
     [](std::size_t queues, const Ready& ready) {
       ServeBroker(CallerProof::kNone, queues, ready);
     }},
    {"broker-jwt", "the same, bearer JWT shown",
     [](std::size_t queues, const Ready& ready) { ServeBroker(CallerProof::kJwt, queues, ready); }},
    {"broker-traced", "the same, traceparent sent",
     [](std::size_t queues, const Ready& ready) { ServeBroker(CallerProof::kNone, queues, ready); },
     "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
}};

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

// A server in a process of its own, which ends when its standard input does.
class ServerProcess {
 public:
  ServerProcess(const Contestant& contestant, const Options& options) {
    std::array<int, 2> input{};
    std::array<int, 2> output{};
    if (::pipe(input.data()) != 0 || ::pipe(output.data()) != 0) Die("pipe");
    const std::string serve = std::string("--serve=") + contestant.name;
    const std::string queues = "--queues=" + std::to_string(options.queues);
    pid_ = ::fork();
    if (pid_ < 0) Die("fork");
    if (pid_ == 0) {
      ::dup2(input[0], STDIN_FILENO);
      ::dup2(output[1], STDOUT_FILENO);
      for (const int descriptor : {input[0], input[1], output[0], output[1]}) ::close(descriptor);
      ::execl("/proc/self/exe", "get_access_token_bench", serve.c_str(), queues.c_str(), nullptr);
      Die("exec");
    }
    ::close(input[0]);
    ::close(output[1]);
    stdin_ = input[1];
    FILE* stream = ::fdopen(output[0], "r");
    std::array<char, 4096> line{};
    if (std::fgets(line.data(), line.size(), stream) == nullptr) Die("the server did not start");
    address_ = std::strtok(line.data(), " \n");
    if (const char* bearer = std::strtok(nullptr, " \n")) bearer_ = bearer;
    std::fclose(stream);
  }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;
  ~ServerProcess() {
    ::close(stdin_);
    ::waitpid(pid_, nullptr, 0);
  }

  const std::string& address() const { return address_; }
  const std::string& bearer() const { return bearer_; }

  // User and system time of all its threads.
  std::chrono::duration<double> CpuTime() const {
    clockid_t clock{};
    timespec time{};
    if (::clock_getcpuclockid(pid_, &clock) != 0 || ::clock_gettime(clock, &time) != 0) {
      Die("clock_getcpuclockid");
    }
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  }

 private:
  pid_t pid_ = -1;
  int stdin_ = -1;
  std::string address_;
  std::string bearer_;
};

struct Sample {
  double calls_per_second;
  double cpu_microseconds_per_call;
};

Sample Measure(const Contestant& contestant, const Options& options) {
  const ServerProcess server(contestant, options);
  const Load load{.address = server.address(),
                  .bearer = server.bearer(),
                  .traceparent = contestant.traceparent,
                  .in_flight = options.in_flight,
                  .connections = options.connections};
  RunClosedLoop(load, std::chrono::duration<double>(options.seconds / 5));  // to warm up
  const auto cpu_before = server.CpuTime();
  const auto began = std::chrono::steady_clock::now();
  const auto calls =
      static_cast<double>(RunClosedLoop(load, std::chrono::duration<double>(options.seconds)));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  const auto cpu = server.CpuTime() - cpu_before;
  return {.calls_per_second = calls / took.count(),
          .cpu_microseconds_per_call = cpu.count() * 1e6 / calls};
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void Compare(const Options& options) {
  std::array<std::vector<double>, kContestants.size()> rates;
  std::array<std::vector<double>, kContestants.size()> costs;
  for (std::size_t round = 0; round < options.rounds; ++round) {
    for (std::size_t i = 0; i < kContestants.size(); ++i) {
      const Sample sample = Measure(kContestants[i], options);
      rates[i].push_back(sample.calls_per_second);
      costs[i].push_back(sample.cpu_microseconds_per_call);
    }
  }
  std::printf("%zu rounds of %.1f s, %zu calls in flight on %zu connection(s), %zu queue(s)\n\n",
              options.rounds, options.seconds, options.in_flight, options.connections,
              options.queues);
  std::printf("%-30s %12s %14s %8s\n", "", "calls/s", "CPU us/call", "ratio");
  const double base = Median(costs[0]);
  for (std::size_t i = 0; i < kContestants.size(); ++i) {
    const double cost = Median(costs[i]);
    std::printf("%-30s %12.0f %14.2f %8.2f\n", kContestants[i].description, Median(rates[i]), cost,
                cost / base);
  }
}

void PutLoad(const Options& options) {
  const Load load{.address = options.load,
                  .bearer = options.bearer,
                  .traceparent = options.traceparent,
                  .in_flight = options.in_flight,
                  .connections = options.connections};
  const auto calls = RunClosedLoop(load, std::chrono::duration<double>(options.seconds));
  std::printf("%llu calls\n", static_cast<unsigned long long>(calls));
}

void Serve(const Options& options) {
  const auto* contestant = std::ranges::find_if(
      kContestants, [&](const Contestant& one) { return options.serve == one.name; });
  if (contestant == kContestants.end()) std::exit(2);
  contestant->serve(options.queues, [](const std::string& address, const std::string& bearer) {
    std::cout << address << ' ' << bearer << std::endl;
    std::string line;
    while (std::getline(std::cin, line)) {
    }
  });
}

template <typename T>
bool Read(std::string_view argument, std::string_view name, T& value) {
  if (!argument.starts_with(name)) return false;
  argument.remove_prefix(name.size());
  if constexpr (std::is_same_v<T, std::string>) {
    value = argument;
    return true;
  } else {
    const auto [end, error] =
        std::from_chars(argument.data(), argument.data() + argument.size(), value);
    return error == std::errc() && end == argument.data() + argument.size();
  }
}

std::optional<Options> ParseOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const bool known = Read(argument, "--serve=", options.serve) ||
                       Read(argument, "--load=", options.load) ||
                       Read(argument, "--bearer=", options.bearer) ||
                       Read(argument, "--traceparent=", options.traceparent) ||
                       Read(argument, "--seconds=", options.seconds) ||
                       Read(argument, "--rounds=", options.rounds) ||
                       Read(argument, "--in-flight=", options.in_flight) ||
                       Read(argument, "--connections=", options.connections) ||
                       Read(argument, "--queues=", options.queues);
    if (!known) return std::nullopt;
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
    std::cerr << "usage: get_access_token_bench [--rounds=N] [--seconds=S] [--in-flight=N] "
                 "[--connections=N] [--queues=N]\n";
    return 2;
  }
  if (!options->serve.empty()) {
    tokenbroker::bench::Serve(*options);
  } else if (!options->load.empty()) {
    tokenbroker::bench::PutLoad(*options);
  } else {
    tokenbroker::bench::Compare(*options);
  }
  return 0;
}
