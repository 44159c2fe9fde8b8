#include <fcntl.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "bench/bench_servers.h"
#include "broker/broker.h"
#include "broker/token_cache.h"
#include "callers/authenticator.h"
#include "net/runtime.h"
#include "rpc/gate.h"
#include "rpc/server.h"
#include "rpc/token_broker_service.h"
#include "storage/memory/memory_grant_store.h"
#include "support/require.h"
#include "support/signing_key.h"
#include "support/temp_dir.h"
#include "telemetry/request_log.h"

namespace tokenbroker::bench {
namespace {

using testing::Require;

constexpr char kIssuer[] = "https://kubernetes.default.svc";
constexpr char kSubject[] = "system:serviceaccount:shop:web";

grants::Grant MakeGrant(absl::Time now) {
  grants::Grant grant;
  grant.id = kGrantId;
  grant.caller = "shop";
  grant.client = "web";
  grant.scopes = {"openid"};
  grant.created_at = now;
  grant.last_used_at = now;
  grants::AccessToken token;
  token.value = Secret(std::string(kTokenBytes, 'x'));
  token.token_type = "Bearer";
  token.obtained_at = now;
  token.expires_at = now + absl::Hours(1);
  token.scopes = grant.scopes;
  grant.access_tokens.emplace(grants::TokenSelector{}, std::move(token));
  return grant;
}

std::vector<broker::Client> MakeClients() {
  std::vector<broker::Client> clients;
  clients.push_back({.name = "web"});
  return clients;
}

std::unique_ptr<callers::Authenticator> MakeAuthenticator(CallerProof proof,
                                                          const testing::SigningKey& key,
                                                          const Clock& clock) {
  const testing::TempDir files;
  std::vector<callers::Caller> all;
  all.push_back({.name = "shop",
                 .identities = {callers::JwtSubject{kIssuer, kSubject}},
                 .rpcs = {"*"},
                 .clients = callers::Names{"web"}});
  callers::Authenticator::Options options;
  if (proof == CallerProof::kNone) options.anonymous_caller = "shop";
  options.issuers.push_back(
      {.issuer = kIssuer,
       .audience = "token-broker",
       .algorithms = {jose::Algorithm::kES256},
       .keys = Require(callers::FileIssuerKeys::Create(
           files.Write("jwks.json", testing::JwkSetText({key.Jwk()})), clock))});
  return Require(callers::Authenticator::Create(Require(callers::Policy::Create(std::move(all))),
                                                std::move(options), clock));
}

std::string MakeBearer(CallerProof proof, const testing::SigningKey& key, absl::Time now) {
  if (proof == CallerProof::kNone) return "";
  return key.Sign({{"iss", kIssuer},
                   {"aud", {"token-broker"}},
                   {"sub", kSubject},
                   {"exp", absl::ToUnixSeconds(now) + 3600},
                   {"kubernetes.io", {{"namespace", "shop"}, {"pod", std::string(200, 'p')}}}});
}

}  // namespace

void ServeBroker(CallerProof proof, std::size_t queues, const Ready& ready) {
  const SystemClock clock;
  Runtime runtime(1);
  storage::MemoryGrantStore store(clock);
  broker::TokenCache cache(clock, {});
  broker::GrantChanges changes(cache);
  store.Observe(&changes);
  const broker::Clients clients(MakeClients());
  broker::Broker use_cases(clients, store, clock, cache, changes, runtime, {.replica = "bench"});
  const absl::Status created = RunBlocking(runtime, store.CreateGrant(MakeGrant(clock.Now())));
  if (!created.ok()) std::abort();

  const auto key = testing::SigningKey::Generate(jose::Algorithm::kES256, "1");
  const std::shared_ptr<callers::Authenticator> authenticator =
      MakeAuthenticator(proof, key, clock);
  telemetry::DescriptorSink sink(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  telemetry::RequestLog log(sink, {});
  telemetry::RpcMetrics metrics({"GetAccessToken"});
  rpc::Gate gate(authenticator, rpc::Gate::Certificates::kNone, log, metrics, clock);
  rpc::TokenBrokerService service(use_cases, gate);
  const auto server = Require(rpc::Server::Start({.listen = "127.0.0.1:0", .queues = queues},
                                                 {&service}, runtime.executor(), clock));
  ready(server->address(), MakeBearer(proof, key, clock.Now()));
  server->Shutdown(absl::Seconds(1));
}

}  // namespace tokenbroker::bench
