#include "broker/client.h"

#include <utility>

#include "base/error.h"

namespace tokenbroker::broker {

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
