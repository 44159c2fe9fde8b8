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

Clients::Clients(std::vector<Client> clients) {
  for (Client& client : clients) {
    std::string name = client.name;
    clients_.emplace(std::move(name), std::move(client));
  }
}

absl::StatusOr<const Client*> Clients::Find(std::string_view name, const Asker& asker) const {
  const Client* client = asker.MayUseClient(name) ? FindAny(name) : nullptr;
  if (client == nullptr) return Error(Reason::kClientUnknown);
  return client;
}

const Client* Clients::FindAny(std::string_view name) const {
  const auto found = clients_.find(name);
  return found == clients_.end() ? nullptr : &found->second;
}

}  // namespace tokenbroker::broker
