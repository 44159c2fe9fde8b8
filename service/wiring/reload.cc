#include "wiring/reload.h"

#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "broker/pause.h"
#include "wiring/clients.h"
#include "wiring/server_options.h"
#include "wiring/stores.h"

namespace tokenbroker::wiring {
namespace {

using telemetry::Metric;

// What may change while the broker runs.
bool IsReloadable(const std::string& section) {
  static const auto* const sections = new std::set<std::string>{
      "encryption", "providers", "clients", "callers", "jwt_issuers", "dev"};
  return sections->contains(section);
}

// Files and secrets of the other sections are read by whoever uses them whenever they are used.
bool NeedsRestart(const std::string& section, const SectionDigest& was, const SectionDigest& is) {
  return !IsReloadable(section) && (was.settings != is.settings);
}

absl::Status Refusal(std::string_view check, std::string_view message) {
  return ErrorWithMessage(Reason::kInvalidRequest, message, {{"check", std::string(check)}});
}

}  // namespace

Reload::Reload(std::string file, const config::LoadedConfig& running, ReloadParts parts)
    : file_(std::move(file)), parts_(parts) {
  const MutexLock lock(mutex_);
  running_ = DigestsOf(running);
  files_ = FilesOf(file_, running.config);
  for (const char* outcome : {"ok", "unchanged", "refused"}) {
    parts_.metrics.Count(Metric::kConfigReloads, {outcome}, 0);
  }
}

absl::StatusOr<std::vector<std::string>> Reload::Run() {
  const MutexLock lock(mutex_);
  auto changed = RunLocked();
  if (!changed.ok()) {
    parts_.metrics.Count(Metric::kConfigReloads, {"refused"});
    parts_.log.Write(telemetry::Level::kError, "configuration refused",
                     {{"message", std::string(changed.status().message())}});
  } else if (changed->empty()) {
    parts_.metrics.Count(Metric::kConfigReloads, {"unchanged"});
  } else {
    parts_.metrics.Count(Metric::kConfigReloads, {"ok"});
    parts_.log.Write(telemetry::Level::kInfo, "configuration reloaded",
                     {{"sections", absl::StrJoin(*changed, ",")}});
  }
  return changed;
}

absl::StatusOr<std::vector<std::string>> Reload::RunLocked() {
  if (file_.empty()) {
    return Refusal("RESTART_REQUIRED", "The broker runs without a configuration file.");
  }
  auto loaded = config::LoadConfig(file_);
  if (!loaded.ok()) {
    return Refusal("CONFIG_INVALID", std::string(loaded.status().message()));
  }
  auto digests = DigestsOf(*loaded);
  std::vector<std::string> changed;
  std::vector<std::string> need_restart;
  for (const auto& [section, digest] : digests) {
    const SectionDigest& was = running_[section];
    if (NeedsRestart(section, was, digest)) need_restart.push_back(section);
    if (was != digest) changed.push_back(section);
  }
  if (!need_restart.empty()) {
    const std::string sections = absl::StrJoin(need_restart, ", ");
    return WithMetadata(
        Refusal("RESTART_REQUIRED",
                absl::StrCat("Nothing was changed: a change of ", sections,
                             " takes effect only when the broker is started anew.")),
        "sections", sections);
  }
  if (changed.empty()) return changed;

  ASSIGN_OR_RETURN(grants::KeyRing ring, KeyRingOf(*loaded));
  ASSIGN_OR_RETURN(ProviderSet::Set providers, parts_.providers.Make(loaded->config));
  std::vector<broker::Client> clients = ClientsOf(*loaded, ProviderSet::ProvidersOf(providers));
  IssuerKeysByConfig issuer_keys = parts_.issuer_keys;
  ASSIGN_OR_RETURN(auto authenticator, AuthenticatorOf(loaded->config, issuer_keys, parts_.runtime,
                                                       parts_.clock, parts_.log));
  std::optional<rpc::ServerIdentity::Pem> identity;
  if (const auto tls = TlsOf(loaded->config.server()); tls && parts_.identity != nullptr) {
    auto read = rpc::ServerIdentity::Read(*tls);
    if (!read.ok()) return Refusal("CONFIG_INVALID", std::string(read.status().message()));
    identity = *std::move(read);
  }

  // From here on nothing fails. Policy goes first, lest somebody use a new client by an old right.
  // Without encryption.keys the ring is of this process alone, and stays.
  if (!loaded->sealing_keys.empty()) parts_.key_ring.Replace(std::move(ring));
  parts_.gate.Replace(std::move(authenticator));
  parts_.clients.Replace(std::move(clients));
  parts_.providers.Adopt(std::move(providers));
  parts_.issuer_keys = std::move(issuer_keys);
  if (identity) parts_.identity->Replace(*std::move(identity));
  parts_.certificates.Replace(loaded->config);
  parts_.cache.Clear();
  running_ = std::move(digests);
  files_ = FilesOf(file_, loaded->config);
  return changed;
}

std::string Reload::Stamp() {
  std::vector<std::string> files;
  {
    const MutexLock lock(mutex_);
    files = files_;
  }
  return StampOf(files);
}

asio::awaitable<void> Reload::Watch(std::shared_ptr<Reload> reload, absl::Duration interval) {
  if (reload->file_.empty()) co_return;
  // Nothing yet, for a file may have changed since the broker read it and before this runs. What is
  // acted on is what the files were before they were read again, for the same reason.
  std::string acted_on;
  std::string before;
  while (true) {
    co_await broker::Pause(interval);
    std::string now = reload->Stamp();
    // Several files are rarely replaced in one instant.
    const bool is_settled = now == before;
    before = now;
    if (!is_settled || now == acted_on) continue;
    (void)reload->Run();
    acted_on = std::move(now);
  }
}

}  // namespace tokenbroker::wiring
