#include "wiring/provider_set.h"

#include "base/status_macros.h"
#include "net/curl_http_client.h"
#include "provider/measured_http_client.h"
#include "wiring/provider_options.h"

namespace tokenbroker::wiring {
namespace {

// Longer than any request with all its repetitions.
constexpr absl::Duration kRetirement = absl::Minutes(15);

}  // namespace

absl::StatusOr<ProviderSet::Set> ProviderSet::Make(const config::v1::Config& config) const {
  Set running;
  {
    const MutexLock lock(mutex_);
    running = running_;
  }
  Set set;
  for (const auto& settings : config.providers()) {
    std::string serialised = settings.SerializeAsString();
    const auto runs = running.find(settings.name());
    if (runs != running.end() && runs->second->settings == serialised) {
      set.emplace(settings.name(), runs->second);
      continue;
    }
    auto made = std::make_shared<Running>();
    made->settings = std::move(serialised);
    ASSIGN_OR_RETURN(made->http, CurlHttpClient::Create(runtime_, clock_, HttpOptionsOf(settings)));
    made->measured = std::make_unique<provider::MeasuredHttpClient>(*made->http, settings.name(),
                                                                    metrics_, clock_);
    made->provider = std::make_unique<provider::HttpProvider>(
        runtime_, *made->measured, clock_, log_, ProviderOptionsOf(settings, limits_));
    set.emplace(settings.name(), std::move(made));
  }
  return set;
}

void ProviderSet::Adopt(Set set) {
  const absl::Time now = clock_.Now();
  const MutexLock lock(mutex_);
  std::erase_if(retired_, [&](const Retired& one) {
    return now - one.since > kRetirement && one.provider.use_count() == 1;
  });
  for (auto& [name, provider] : running_) {
    const auto found = set.find(name);
    if (found == set.end() || found->second != provider) {
      retired_.push_back({.since = now, .provider = provider});
    }
  }
  running_ = std::move(set);
}

std::vector<std::shared_ptr<provider::HttpProvider>> ProviderSet::running() const {
  std::vector<std::shared_ptr<provider::HttpProvider>> providers;
  const MutexLock lock(mutex_);
  for (const auto& [name, one] : running_) providers.emplace_back(one, one->provider.get());
  return providers;
}

Providers ProviderSet::ProvidersOf(const Set& set) {
  Providers providers;
  for (const auto& [name, running] : set) {
    // The client keeps the whole of it.
    providers[name] = std::shared_ptr<provider::Provider>(running, running->provider.get());
  }
  return providers;
}

}  // namespace tokenbroker::wiring
