// token-broker: reads flags and configuration, builds the parts, serves until it is told to stop.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "config/config.h"
#include "telemetry/line_sink.h"
#include "wiring/process.h"

ABSL_FLAG(std::string, config, "",
          "the configuration file, YAML; without it everything is in memory, on loopback, with no "
          "providers");
ABSL_FLAG(bool, check, false,
          "only validate the configuration: print all that is wrong with it and exit with 1, or 0");
ABSL_FLAG(bool, without_files, false,
          "with --check: do not read the secrets and files that the configuration names, for "
          "checking it where they are not");

namespace {

constexpr char kUsage[] =
    "Owns OAuth tokens, so that other services never see a refresh token or a client secret.\n"
    "  token-broker --config broker.yaml\n"
    "  token-broker --config broker.yaml --check";

// What ends the process well, and what makes it read its configuration again. Blocked in every
// thread, and waited for in main's.
sigset_t AwaitedSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  return signals;
}

int Complain(const absl::Status& status) {
  std::fprintf(stderr, "token-broker: %s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const sigset_t signals = AwaitedSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);  // a peer that hangs up is an error of that connection alone

  absl::SetProgramUsageMessage(kUsage);
  absl::SetFlagsUsageConfig({.version_string = [] { return "token-broker " TB_VERSION "\n"; }});
  const std::vector<char*> words = absl::ParseCommandLine(argc, argv);
  if (words.size() > 1) {
    std::fprintf(stderr, "token-broker: unexpected argument: %s\n%s\n", words[1], kUsage);
    return 2;
  }

  const std::string file = absl::GetFlag(FLAGS_config);
  if (absl::GetFlag(FLAGS_check)) {
    const absl::Status checked = absl::GetFlag(FLAGS_without_files)
                                     ? tokenbroker::config::CheckConfig(file).status()
                                     : tokenbroker::config::LoadConfig(file).status();
    if (!checked.ok()) return Complain(checked);
    std::printf("%s is valid\n", file.c_str());
    return 0;
  }
  absl::StatusOr<tokenbroker::config::LoadedConfig> config =
      file.empty() ? tokenbroker::config::EmbeddedConfig() : tokenbroker::config::LoadConfig(file);
  if (!config.ok()) return Complain(config.status());

  tokenbroker::telemetry::DescriptorSink standard_error(STDERR_FILENO);
  const tokenbroker::SystemClock clock;
  auto process =
      tokenbroker::wiring::Process::Start(*std::move(config), file, standard_error, clock);
  if (!process.ok()) return Complain(process.status());

  int signal_number = 0;
  while (sigwait(&signals, &signal_number) == 0 && signal_number == SIGHUP) {
    (*process)->ReloadConfig();
  }
  (*process)->Stop();
  return 0;
}
