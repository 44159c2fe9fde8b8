#include "telemetry/metrics_listener.h"

#include <exception>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "prometheus/exposer.h"

namespace tokenbroker::telemetry {
namespace {

// The server takes numbers alone, and for a name all addresses.
std::string WithNumericHost(const std::string& address) {
  constexpr std::string_view kName = "localhost:";
  if (!address.starts_with(kName)) return address;
  return absl::StrCat("127.0.0.1:", address.substr(kName.size()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsListener>> MetricsListener::Start(
    const std::string& address, std::shared_ptr<Metrics> metrics) {
  const std::string listen = WithNumericHost(address);
  try {
    // One thread scrapes while another is refused or let in.
    const std::vector<std::string> options = {"listening_ports",    listen, "num_threads", "2",
                                              "request_timeout_ms", "10000"};
    auto exposer = std::make_unique<prometheus::Exposer>(options);
    exposer->RegisterCollectable(metrics);
    const std::string host = listen.substr(0, listen.rfind(':'));
    std::string bound = absl::StrCat(host, ":", exposer->GetListeningPorts().front());
    return std::unique_ptr<MetricsListener>(
        new MetricsListener(std::move(exposer), std::move(metrics), std::move(bound)));
  } catch (const std::exception&) {
    return ErrorWithMessage(Reason::kInternal,
                            absl::StrCat("Cannot serve metrics on ", address,
                                         ": it is in use, or no address of this machine."));
  }
}

MetricsListener::MetricsListener(std::unique_ptr<prometheus::Exposer> exposer,
                                 std::shared_ptr<Metrics> metrics, std::string address)
    : metrics_(std::move(metrics)), address_(std::move(address)), exposer_(std::move(exposer)) {}

MetricsListener::~MetricsListener() = default;

}  // namespace tokenbroker::telemetry
