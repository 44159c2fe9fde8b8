#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "config/contradictions.h"
#include "config/durations.h"
#include "config/names.h"

namespace tokenbroker::config {

void CheckRefresh(const v1::Config& config, Faults& faults) {
  const v1::RefreshScheduler& scheduler = config.refresh().scheduler();
  const std::string path = "refresh.scheduler";
  const auto faultless = [&](const char* a, const char* b) {
    return !faults.Has(path + a) && !faults.Has(path + b);
  };
  if (faultless(".max_in_flight", ".max_in_flight_per_provider") &&
      scheduler.has_max_in_flight_per_provider() &&
      scheduler.max_in_flight_per_provider() > scheduler.max_in_flight()) {
    faults.Add(path + ".max_in_flight_per_provider", "is more than max_in_flight");
  }
  if (faultless(".first_retry", ".longest_retry") &&
      ToDuration(scheduler.first_retry()) > ToDuration(scheduler.longest_retry())) {
    faults.Add(path + ".first_retry", "is longer than longest_retry");
  }
  if (faults.Has(path + ".visibility_timeout")) return;
  for (int i = 0; i < config.providers_size(); ++i) {
    const std::string provider = ElementPath("providers", static_cast<std::size_t>(i));
    if (faults.Has(provider + ".request_timeout") ||
        2 * ToDuration(config.providers(i).request_timeout()) <=
            ToDuration(scheduler.visibility_timeout())) {
      continue;
    }
    faults.Add(path + ".visibility_timeout",
               absl::StrCat("must be at least twice ", provider,
                            ".request_timeout, so that no "
                            "other replica takes a grant whose refresh is under way"));
    return;
  }
}

}  // namespace tokenbroker::config
