#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/contains.h"
#include "config/contradictions.h"
#include "config/names.h"
#include "config/uri.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "tokenbroker/admin/v1/admin.pb.h"
#include "tokenbroker/v1/token_broker.pb.h"

namespace tokenbroker::config {
namespace {

using Texts = google::protobuf::RepeatedPtrField<std::string>;

void AddMethods(const google::protobuf::FileDescriptor& file, const std::string& prefix,
                std::vector<std::string>& names) {
  for (int s = 0; s < file.service_count(); ++s) {
    for (int m = 0; m < file.service(s)->method_count(); ++m) {
      names.push_back(prefix + file.service(s)->method(m)->name());
    }
  }
}

// As a caller's `rpcs` name them.
std::vector<std::string> RpcNames() {
  std::vector<std::string> names = {"*", "Admin/*"};
  AddMethods(*tokenbroker::v1::Grant::descriptor()->file(), "", names);
  AddMethods(*admin::v1::Provider::descriptor()->file(), "Admin/", names);
  return names;
}

bool IsSpiffeId(const std::string& text) {
  const auto uri = ParseUri(text);
  return uri && uri->scheme == "spiffe" && text.starts_with("spiffe://") && uri->port.empty() &&
         uri->user_information.empty() && !uri->has_query && !uri->has_fragment &&
         uri->path.size() > 1 && text.size() <= 2048;
}

bool IsDnsName(const std::string& text) {
  const auto uri = ParseUri("https://" + text + "/");
  return uri && uri->port.empty() && uri->user_information.empty() && uri->path == "/" &&
         text.find_first_of(":[_") == std::string::npos && !text.ends_with('.');
}

class CallerChecks {
 public:
  CallerChecks(const v1::Config& config, Faults& faults) : config_(config), faults_(faults) {
    for (const v1::Client& client : config.clients()) clients_[client.name()] = &client;
    for (const auto& [name, client] : clients_) client_names_.push_back(name);
    for (const v1::JwtIssuer& issuer : config.jwt_issuers()) issuers_.push_back(issuer.issuer());
    certificates_ =
        config.server().has_tls() &&
        EffectiveClientCertificates(config.server().tls()) != v1::CLIENT_CERTIFICATES_NONE;
  }

  void Check(const v1::Caller& caller, const std::string& path) {
    if (caller.identities().empty() && caller.name() != config_.dev().anonymous_caller() &&
        !faults_.Has(path + ".identities")) {
      faults_.Add(path + ".identities", "is required: nobody could prove to be this caller");
    }
    for (int i = 0; i < caller.identities_size(); ++i) {
      CheckIdentity(caller.identities(i),
                    ElementPath(path + ".identities", static_cast<std::size_t>(i)));
    }
    CheckNames(caller.clients(), "client", client_names_, path + ".clients");
    CheckNames(caller.rpcs(), "RPC", rpc_names_, path + ".rpcs");
    CheckReach(caller, path);
  }

 private:
  void CheckIdentity(const v1::CallerIdentity& identity, const std::string& path) {
    std::string value;
    if (!identity.spiffe_id().empty()) {
      value = "spiffe " + identity.spiffe_id();
      if (!IsSpiffeId(identity.spiffe_id())) {
        faults_.Add(path + ".spiffe_id",
                    "must be a SPIFFE ID, such as spiffe://example.com/backend");
      }
    } else if (!identity.dns_san().empty()) {
      value = "dns " + identity.dns_san();
      if (!IsDnsName(identity.dns_san())) {
        faults_.Add(path + ".dns_san", "must be a DNS name without wildcards");
      }
    } else if (identity.has_jwt()) {
      const v1::JwtIdentity& jwt = identity.jwt();
      value = "jwt " + jwt.issuer() + " " + jwt.subject();
      if (!jwt.issuer().empty() &&
          std::find(issuers_.begin(), issuers_.end(), jwt.issuer()) == issuers_.end()) {
        faults_.Add(path + ".jwt.issuer", NoSuch("issuer in jwt_issuers", jwt.issuer(), issuers_));
      }
    } else {
      return;
    }
    if (!identity.has_jwt() && !certificates_) {
      faults_.Add(path,
                  "can never match: the server asks for no client certificate; set "
                  "server.tls.client_ca_file");
    }
    if (const auto [first, is_new] = identities_.emplace(value, path); !is_new) {
      faults_.Add(path, "is the same as " + first->second + "; give it to one caller only");
    }
  }

  void CheckNames(const Texts& names, std::string_view kind, const std::vector<std::string>& known,
                  const std::string& path) {
    for (int i = 0; i < names.size(); ++i) {
      const std::string element = ElementPath(path, static_cast<std::size_t>(i));
      if (names[i] == "*") {
        if (kind == "client" && names.size() > 1) {
          faults_.Add(element, "covers all clients; remove the others, or this");
        }
        continue;
      }
      if (faults_.Has(element) || std::find(known.begin(), known.end(), names[i]) != known.end()) {
        continue;
      }
      faults_.Add(element, NoSuch(kind, names[i], known));
    }
  }

  // A scope or audience that none of its clients has is a slip of the pen.
  void CheckReach(const v1::Caller& caller, const std::string& path) {
    std::vector<const v1::Client*> reachable;
    for (const auto& [name, client] : clients_) {
      if (Contains(caller.clients(), "*") || Contains(caller.clients(), name)) {
        reachable.push_back(client);
      }
    }
    if (reachable.empty()) return;
    const auto any = [&](auto has) { return std::any_of(reachable.begin(), reachable.end(), has); };
    for (int i = 0; i < caller.scopes_size(); ++i) {
      const std::string& scope = caller.scopes(i);
      if (any([&](const v1::Client* client) { return Contains(client->scopes(), scope); }))
        continue;
      faults_.Add(ElementPath(path + ".scopes", static_cast<std::size_t>(i)),
                  "is in the scopes of none of its clients");
    }
    for (int i = 0; i < caller.audiences_size(); ++i) {
      const std::string& audience = caller.audiences(i);
      if (any([&](const v1::Client* client) {
            return client->default_audience() == audience ||
                   Contains(client->audiences(), audience);
          })) {
        continue;
      }
      faults_.Add(ElementPath(path + ".audiences", static_cast<std::size_t>(i)),
                  "is in the audiences of none of its clients");
    }
  }

  const v1::Config& config_;
  Faults& faults_;
  std::map<std::string, const v1::Client*> clients_;
  std::vector<std::string> client_names_;
  std::vector<std::string> issuers_;
  std::map<std::string, std::string> identities_;
  const std::vector<std::string> rpc_names_ = RpcNames();
  bool certificates_ = false;
};

void CheckAnonymousCaller(const v1::Config& config, Faults& faults) {
  const std::string& name = config.dev().anonymous_caller();
  const std::string path = "dev.anonymous_caller";
  if (name.empty() || faults.Has(path)) return;
  std::vector<std::string> names;
  for (const v1::Caller& caller : config.callers()) names.push_back(caller.name());
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    faults.Add(path, NoSuch("caller", name, names));
  } else if (!IsLocal(config.server().listen())) {
    faults.Add(path,
               "would let everybody in who reaches server.listen; listen on 127.0.0.1 or a unix: "
               "socket, or remove it");
  } else if (config.server().has_tls() && EffectiveClientCertificates(config.server().tls()) ==
                                              v1::CLIENT_CERTIFICATES_REQUIRED) {
    faults.Add(path, "contradicts server.tls, which requires client certificates; remove one");
  }
}

}  // namespace

void CheckCallers(const v1::Config& config, Faults& faults) {
  UniqueValues names("callers", "name", faults);
  CallerChecks checks(config, faults);
  for (int i = 0; i < config.callers_size(); ++i) {
    const auto index = static_cast<std::size_t>(i);
    names.Add(index, config.callers(i).name());
    checks.Check(config.callers(i), ElementPath("callers", index));
  }
  CheckAnonymousCaller(config, faults);
}

}  // namespace tokenbroker::config
