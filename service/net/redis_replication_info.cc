#include "net/redis_replication_info.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace tokenbroker {
namespace {

constexpr int kLongestLag = 2;  // seconds
constexpr std::string_view kName = "slave";
constexpr std::string_view kLag = "lag=";

// `slave0:ip=10.0.0.2,port=6379,state=online,offset=42,lag=1`
bool Confirms(const std::string& line) {
  const auto colon = line.find(':');
  int number = 0;
  if (!line.starts_with(kName) || colon == std::string::npos ||
      !absl::SimpleAtoi(line.substr(kName.size(), colon - kName.size()), &number)) {
    return false;
  }
  bool online = false;
  int lag = kLongestLag + 1;
  const std::vector<std::string> fields = absl::StrSplit(line.substr(colon + 1), ',');
  for (const std::string& field : fields) {
    if (field == "state=online") online = true;
    if (field.starts_with(kLag) && !absl::SimpleAtoi(field.substr(kLag.size()), &lag)) return false;
  }
  return online && lag <= kLongestLag;
}

}  // namespace

int ConfirmingReplicas(const std::string& info) {
  const std::vector<std::string> lines = absl::StrSplit(info, '\n');
  return static_cast<int>(std::ranges::count_if(lines, Confirms));
}

}  // namespace tokenbroker
