#include "broker/client.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace tokenbroker::broker {

namespace {

bool Holds(const std::vector<std::string>& values, const std::string& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

bool IsAudience(const Client& client, const std::string& audience) {
  return audience == client.default_audience || Holds(client.audiences, audience);
}

}  // namespace

bool MayTarget(const Client& client, const std::string& audience) {
  return IsAudience(client, audience) || Holds(client.resources, audience);
}

Target TargetOf(const Client& client, const std::string& audience) {
  if (audience.empty()) return {};
  if (IsAudience(client, audience) || !Holds(client.resources, audience)) {
    return {.audience = audience};
  }
  return {.resources = {audience}};
}

Clients::Clients(std::vector<Client> clients) { Replace(std::move(clients)); }

void Clients::Replace(std::vector<Client> clients) {
  Table table;
  for (Client& client : clients) {
    std::string name = client.name;
    table.emplace(std::move(name), std::make_shared<const Client>(std::move(client)));
  }
  const MutexLock lock(mutex_);
  clients_.swap(table);
}

absl::StatusOr<ClientPtr> Clients::Find(std::string_view name, const Asker& asker) const {
  ClientPtr client = asker.MayUseClient(name) ? FindAny(name) : nullptr;
  if (client == nullptr) return Error(Reason::kClientUnknown);
  return client;
}

ClientPtr Clients::FindAny(std::string_view name) const {
  const MutexLock lock(mutex_);
  const auto found = clients_.find(name);
  return found == clients_.end() ? nullptr : found->second;
}

}  // namespace tokenbroker::broker
