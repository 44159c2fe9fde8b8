#include "telemetry/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace tokenbroker::telemetry {
namespace {

// Places in /proc/self/stat after the command, which is in parentheses (proc(5)).
constexpr std::size_t kUserTime = 11;
constexpr std::size_t kSystemTime = 12;
constexpr std::size_t kThreads = 17;
constexpr std::size_t kStartTime = 19;
constexpr std::size_t kVirtualMemory = 20;
constexpr std::size_t kResidentPages = 21;

std::vector<double> ReadStat() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  std::vector<double> fields;
  const auto command_end = line.rfind(')');
  if (command_end == line.npos) return fields;
  std::istringstream rest(line.substr(command_end + 1));
  std::string state;
  rest >> state;
  fields.push_back(0);
  for (double field = 0; rest >> field;) fields.push_back(field);
  return fields;
}

// When the machine was started, in seconds since 1970.
std::optional<double> BootTime() {
  std::ifstream file("/proc/stat");
  for (std::string word; file >> word;) {
    double value = 0;
    if (word == "btime" && file >> value) return value;
  }
  return std::nullopt;
}

std::optional<double> CountOpenFiles() {
  std::error_code error;
  double count = 0;
  for (auto entry = std::filesystem::directory_iterator("/proc/self/fd", error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    ++count;
  }
  if (error) return std::nullopt;
  return count - 1;  // the one that this listing has open
}

}  // namespace

void TellProcess(Scrape& scrape) {
  const std::vector<double> stat = ReadStat();
  if (stat.size() > kResidentPages) {
    const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    scrape.Set(Metric::kProcessCpu, {}, (stat[kUserTime] + stat[kSystemTime]) / ticks);
    scrape.Set(Metric::kProcessThreads, {}, stat[kThreads]);
    scrape.Set(Metric::kProcessVirtualMemory, {}, stat[kVirtualMemory]);
    scrape.Set(Metric::kProcessResidentMemory, {},
               stat[kResidentPages] * static_cast<double>(sysconf(_SC_PAGESIZE)));
    if (const auto boot = BootTime()) {
      scrape.Set(Metric::kProcessStartTime, {}, *boot + stat[kStartTime] / ticks);
    }
  }
  if (const auto open = CountOpenFiles()) scrape.Set(Metric::kProcessOpenFiles, {}, *open);
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    scrape.Set(Metric::kProcessMaxFiles, {}, static_cast<double>(limit.rlim_cur));
  }
}

}  // namespace tokenbroker::telemetry
