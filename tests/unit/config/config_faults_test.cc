#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/status_matchers.h"

namespace tokenbroker::config {
namespace {

using testing::IsOk;
using testing::StatusIs;

// A valid file to put mistakes into; each case adds to its end or replaces a part of it.
constexpr std::string_view kValid = R"(server:
  listen: 127.0.0.1:0
providers:
  - name: auth0
    issuer: https://example.eu.auth0.com/
  - name: local
    issuer: http://localhost:4000
    allow_loopback_http: true
clients:
  - name: shop
    provider: auth0
    client_id: abc
    authentication: {client_secret_basic: {secrets: [{env: SHOP_SECRET}]}}
    redirect_uris: [https://shop.example.com/cb]
    scopes: [openid, profile]
callers:
  - name: web
    clients: [shop]
    rpcs: [GetAccessToken]
dev: {anonymous_caller: web}
)";

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string With(std::string_view from, std::string_view to) {
  return Replaced(std::string(kValid), from, to);
}

std::string Plus(std::string_view more) { return std::string(kValid).append(more); }

struct Case {
  std::string_view name;
  std::string text;
  std::string faults;  // every line of the message
};

void PrintTo(const Case& c, std::ostream* os) { *os << c.name; }

class ConfigFault : public ::testing::TestWithParam<Case> {};

TEST_P(ConfigFault, IsReportedWithItsPlaceAndTheWayOut) {
  const auto result = ParseConfig(GetParam().text, "b.yaml");
  ASSERT_THAT(result, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(std::string(result.status().message()), GetParam().faults);
}

std::vector<Case> ShapeCases() {
  return {
      {"NotYaml", "server: [1,\n2",
       "b.yaml:2:1: is not valid YAML: end of sequence flow not found"},
      {"Tab", "server:\n\tlisten: x",
       "b.yaml:2:8: is not valid YAML: illegal map value; indent with spaces, not tabs"},
      {"NotUtf8", "server: \xff", "b.yaml:1:1: is not text in UTF-8"},
      {"NotAMapping", "- a",
       "b.yaml:1:1: must be a mapping with fields out of: server, store, "
       "encryption, providers, clients, callers, jwt_issuers, refresh, "
       "near_cache, telemetry, dev"},
      {"SecondDocument", "server: {}\n---\nserver: {}\n",
       "b.yaml:2:1: only one YAML document is read; remove the second one"},
      {"Tag", "server: !secret {}", "b.yaml:1:9: tags are not supported; remove it"},
      {"AliasInsideItself", "server: &a {tls: *a}",
       "b.yaml:1:18: an alias may not stand inside what it names"},
      {"UnknownField", With("redirect_uris", "redirect_uri"),
       "b.yaml:10:5: clients[0].redirect_uris: is required, for example: "
       "[https://shop.example.com/callback]\n"
       "b.yaml:14:5: clients[0].redirect_uri: there is no such field; did you mean "
       "\"redirect_uris\"?"},
      {"UnknownFieldLikeNoOther", "refresh: {zzzzzz: 1}",
       "b.yaml:1:11: refresh.zzzzzz: there is no such field; the fields are: scheduler, "
       "reconciler, reaper, spool, lease"},
      {"MergeKey", "refresh: {<<: {}}",
       "b.yaml:1:11: refresh.<<: there is no such field; the fields are: scheduler, "
       "reconciler, reaper, spool, lease"},
      {"DuplicateKey", "refresh: {}\nrefresh: {}\n",
       "b.yaml:2:1: refresh: is given twice; keep one of them"},
      {"ListForMapping", "server: [a]",
       "b.yaml:1:9: server: must be a mapping with fields out of: listen, tls, completion_queues, "
       "worker_threads, limits, drain_grace, reflection, watch_interval, health"},
      {"MappingForList", "providers: {name: a}",
       "b.yaml:1:12: providers: must be a list: [...], or lines that begin with \"- \""},
      {"ListForText", With("client_id: abc", "client_id: [abc]"),
       "b.yaml:12:16: clients[0].client_id: must be text, not a list"},
      {"NumberForText", With("client_id: abc", "client_id: 0123"),
       "b.yaml:12:16: clients[0].client_id: must be text, and YAML reads this as a number; put it "
       "in quotes"},
      {"BooleanForText", With("client_id: abc", "client_id: true"),
       "b.yaml:12:16: clients[0].client_id: must be text, and YAML reads this as true or false; "
       "put "
       "it in quotes"},
      {"NothingForText", With("client_id: abc", "client_id:"),
       "b.yaml:12:5: clients[0].client_id: has no value; give it one, or remove the line"},
      {"EmptyText", With("client_id: abc", "client_id: \"\""),
       "b.yaml:12:16: clients[0].client_id: must not be empty"},
      {"TextForBoolean", "server: {reflection: \"true\"}",
       "b.yaml:1:22: server.reflection: must be true or false, without quotes"},
      {"YesForBoolean", "server: {reflection: yes}",
       "b.yaml:1:22: server.reflection: must be true or false, without quotes"},
      {"TextForNumber", "server: {worker_threads: four}",
       "b.yaml:1:26: server.worker_threads: must be a whole number from 1 to 256, without quotes"},
      {"NumberOutOfRange", "server: {worker_threads: 0}",
       "b.yaml:1:26: server.worker_threads: must be a whole number from 1 to 256, without quotes"},
      {"NegativeNumber",
       "store: {redis: {address: \"r:1\", database: -1}}\n"
       "encryption: {keys: [{id: a, key: {env: K}}]}",
       "b.yaml:1:43: store.redis.database: must be a whole number of at most 1023, without quotes"},
      {"SizeWithWrongUnit", "near_cache: {max_bytes: 64MB}",
       "b.yaml:1:25: near_cache.max_bytes: must be a size from 1MiB to 64GiB; write bytes, KiB, "
       "MiB "
       "or GiB"},
      {"SizeOutOfRange", "near_cache: {max_bytes: 1KiB}",
       "b.yaml:1:25: near_cache.max_bytes: must be a size from 1MiB to 64GiB; write bytes, KiB, "
       "MiB "
       "or GiB"},
      {"DurationWithoutUnit", "server: {drain_grace: 25}",
       "b.yaml:1:23: server.drain_grace: must be a duration from 0s to 1h; write it with a unit, "
       "such as 90s or 1h30m"},
      {"DurationOutOfRange", "server: {drain_grace: 2h}",
       "b.yaml:1:23: server.drain_grace: must be a duration from 0s to 1h; write it with a unit, "
       "such as 90s or 1h30m"},
      {"UnknownEnumValue", "telemetry: {log: {level: INFO}}",
       "b.yaml:1:26: telemetry.log.level: must be one of: debug, info, warn, error"},
      {"UnspecifiedEnumValue", "telemetry: {log: {level: unspecified}}",
       "b.yaml:1:26: telemetry.log.level: must be one of: debug, info, warn, error"},
      {"FractionOutOfRange", With("scopes: [openid, profile]", "refresh: {fraction: 1.5}"),
       "b.yaml:15:25: clients[0].refresh.fraction: must be a number from 0.1 to 0.95"},
      {"TwoOfAChoice", "store: {memory: {}, redis: {}}",
       "b.yaml:1:21: store.redis: cannot be given beside \"memory\"; keep one of them"},
      {"NoneOfAChoice", "store: {}",
       "b.yaml:1:8: store: needs exactly one of the fields: memory, "
       "redis"},
      {"SettingForNone", "store: {memory: {size: 1}}",
       "b.yaml:1:18: store.memory.size: there is no such field; the fields are: none"},
      {"ScalarForNone", "store: {memory: big}",
       "b.yaml:1:17: store.memory: has no settings: write {}"},
      {"ListedTwice", With("scopes: [openid, profile]", "scopes: [openid, profile, openid]"),
       "b.yaml:15:31: clients[0].scopes[2]: is listed twice; keep one of them"},
      {"EmptyRequiredList",
       With("redirect_uris: [https://shop.example.com/cb]", "redirect_uris: []"),
       "b.yaml:14:20: clients[0].redirect_uris: must have an element"},
      {"EmptyListWithDefault", With("scopes: [openid, profile]", "scopes: []"),
       "b.yaml:15:13: clients[0].scopes: must have an element; leave it out for the default"},
      {"ControlCharacter", With("client_id: abc", "client_id: \"a\\nb\""),
       "b.yaml:12:16: clients[0].client_id: must be one line without control characters"},
      {"WrongValueInMap", With("scopes: [openid, profile]", "authorization_parameters: {a: [1]}"),
       "b.yaml:15:35: clients[0].authorization_parameters.a: must be text, not a list"},
      {"SecretNotAsMapping", With("{secrets: [{env: SHOP_SECRET}]}", "{secrets: [hunter2]}"),
       "b.yaml:13:54: clients[0].authentication.client_secret_basic.secrets[0]: must be a mapping "
       "with fields out of: file, env, inline"},
  };
}

std::vector<Case> ServerCases() {
  return {
      {"PlaintextOnTheNetwork", "server: {listen: \"0.0.0.0:7070\"}",
       "b.yaml:1:18: server.listen: is reachable from other machines, and tokens would cross the "
       "network in plaintext; add server.tls, or listen on 127.0.0.1 or a unix: socket"},
      {"ListenWithoutPort", "server: {listen: localhost}",
       "b.yaml:1:18: server.listen: must be an address: host:port, [ipv6]:port or "
       "unix:/absolute/path"},
      {"HealthOnTheAddressOfAllElse",
       "server: {listen: \"127.0.0.1:7070\", health: {listen: \"127.0.0.1:7070\"}}",
       "b.yaml:1:53: server.health.listen: is the address of server.listen, which serves health "
       "too; choose another one"},
      {"TlsWithoutKey", "server: {tls: {certificate_file: a.pem}}",
       "b.yaml:1:15: server.tls.private_key_file: is required, for example: "
       "/etc/token-broker/tls/tls.key"},
      {"ClientCertificatesWithoutCa",
       "server: {tls: {certificate_file: a, private_key_file: b, client_certificates: required}}",
       "b.yaml:1:79: server.tls.client_certificates: needs server.tls.client_ca_file, the "
       "certificates that sign those of callers"},
      {"ClientCaWithoutClientCertificates",
       "server: {tls: {certificate_file: a, private_key_file: b, client_ca_file: c, "
       "client_certificates: none}}",
       "b.yaml:1:74: server.tls.client_ca_file: is not used with client_certificates: none; remove "
       "one of them"},
      {"RedisWithoutKeys", "store: {redis: {address: \"r:1\"}}",
       "b.yaml:1:16: encryption.keys: is required with store.redis: what is stored there is "
       "sealed"},
      {"RedisWithoutAddress", "store: {redis: {}}\nencryption: {keys: [{id: a, key: {env: K}}]}",
       "b.yaml:1:16: store.redis: needs exactly one of the fields: address, sentinel, cluster"},
      {"SpoolInMemory", "refresh: {spool: {directory: /var/spool/tb}}",
       "b.yaml:1:18: refresh.spool: is for grants that outlive the process, which those in memory "
       "do not: it needs store.redis"},
      {"SpoolWithoutDirectory",
       "store: {redis: {address: \"r:1\"}}\nencryption: {keys: [{id: a, key: {env: K}}]}\n"
       "refresh: {spool: {every_answer: true}}",
       "b.yaml:3:18: refresh.spool.directory: is required, for example: "
       "/var/lib/token-broker/spool"},
      {"RedisUserWithoutPassword",
       "store: {redis: {address: \"r:1\", username: u}}\n"
       "encryption: {keys: [{id: a, key: {env: K}}]}",
       "b.yaml:1:43: store.redis.password: is required with username"},
      {"RedisCertificateWithoutKey",
       "store: {redis: {address: \"r:1\", tls: {certificate_file: c}}}\n"
       "encryption: {keys: [{id: a, key: {env: K}}]}",
       "b.yaml:1:38: store.redis.tls: needs both certificate_file and private_key_file, or "
       "neither"},
      {"TlsToAUnixSocket",
       "store: {redis: {address: \"unix:/r\", tls: {}}}\n"
       "encryption: {keys: [{id: a, key: {env: K}}]}",
       "b.yaml:1:42: store.redis.tls: is not spoken over a Unix socket; remove it, or give "
       "host:port"},
      {"RedisAddressWithCluster",
       "store: {redis: {address: \"r:1\", cluster: {addresses: [\"r:1\"]}}}\n"
       "encryption: {keys: [{id: a, key: {env: K}}]}",
       "b.yaml:1:33: store.redis.cluster: cannot be given beside \"address\"; keep one of them"},
      {"RedisDatabaseWithCluster",
       "store: {redis: {cluster: {addresses: [\"r:1\"]}, database: 3}}\n"
       "encryption: {keys: [{id: a, key: {env: K}}]}",
       "b.yaml:1:58: store.redis.database: must be 0 with cluster: a cluster has no other"},
      {"ClusterOnAUnixSocket",
       "store: {redis: {cluster: {addresses: [\"unix:/r\"]}}}\n"
       "encryption: {keys: [{id: a, key: {env: K}}]}",
       "b.yaml:1:39: store.redis.cluster.addresses[0]: must be host:port: the servers name each "
       "other by host and port"},
      {"SentinelWithoutName",
       "store: {redis: {sentinel: {addresses: [\"s:1\"]}}}\n"
       "encryption: {keys: [{id: a, key: {env: K}}]}",
       "b.yaml:1:27: store.redis.sentinel.master_name: is required, for example: mymaster"},
      {"SentinelUserWithoutPassword",
       "store: {redis: {sentinel: {master_name: m, addresses: [\"s:1\"], username: u}}}\n"
       "encryption: {keys: [{id: a, key: {env: K}}]}",
       "b.yaml:1:74: store.redis.sentinel.password: is required with username"},
      {"WaitLongerThanACommand",
       "store: {redis: {address: \"r:1\", replication: {wait_replicas: 1, wait_timeout: 5s}}}\n"
       "encryption: {keys: [{id: a, key: {env: K}}]}",
       "b.yaml:1:79: store.redis.replication.wait_timeout: must be shorter than "
       "store.redis.command_timeout, which ends the wait too"},
      {"KeyIdTwice", "encryption: {keys: [{id: a, key: {env: K}}, {id: a, key: {env: L}}]}",
       "b.yaml:1:50: encryption.keys[1].id: is the same as encryption.keys[0].id; give each its "
       "own"},
      {"NoKeys", "encryption: {}", "b.yaml:1:13: encryption.keys: is required"},
      {"SecretFromNowhere", "encryption: {keys: [{id: a, key: {}}]}",
       "b.yaml:1:34: encryption.keys[0].key: needs exactly one of the fields: file, env, inline"},
      {"InlineSecret", "encryption: {keys: [{id: a, key: {inline: hunter2}}]}",
       "b.yaml:1:43: encryption.keys[0].key.inline: a secret must not stand in this file; name a "
       "file or an environment variable (file: or env:), or on a developer's machine set "
       "dev.allow_inline_secrets: true"},
      {"VariableName", "encryption: {keys: [{id: a, key: {env: A-B}}]}",
       "b.yaml:1:40: encryption.keys[0].key.env: must be the name of an environment variable"},
  };
}

std::vector<Case> ProviderCases() {
  return {
      {"IssuerIsNoUrl", With("https://example.eu.auth0.com/", "example.eu.auth0.com"),
       "b.yaml:5:13: providers[0].issuer: must be an absolute URL, such as "
       "https://idp.example.com/"},
      {"IssuerInPlaintext", With("https://example.eu.auth0.com/", "http://example.eu.auth0.com/"),
       "b.yaml:5:13: providers[0].issuer: must begin with https://"},
      {"LoopbackIssuerWithoutSwitch", With("    allow_loopback_http: true\n", ""),
       "b.yaml:7:13: providers[1].issuer: must begin with https://; on a developer's machine set "
       "providers[1].allow_loopback_http: true"},
      {"IssuerWithQuery", With("auth0.com/", "auth0.com/?a=b"),
       "b.yaml:5:13: providers[0].issuer: must not have a query (?...): see OpenID Connect "
       "Discovery "
       "4.1"},
      {"IssuerWithFragment", With("auth0.com/", "auth0.com/#a"),
       "b.yaml:5:13: providers[0].issuer: must not have a fragment (#...)"},
      {"IssuerWithUserName", With("https://example", "https://me@example"),
       "b.yaml:5:13: providers[0].issuer: must not have a user name before the host"},
      {"ProviderNameTwice", With("name: local", "name: auth0"),
       "b.yaml:6:11: providers[1].name: is the same as providers[0].name; give each its own"},
      {"IssuerTwice", With("http://localhost:4000", "https://example.eu.auth0.com/"),
       "b.yaml:7:13: providers[1].issuer: is the same as providers[0].issuer; give each its own"},
      {"EndpointsBesideDiscovery",
       With("allow_loopback_http: true",
            "endpoints: {authorization_endpoint: \"https://a/\", token_endpoint: \"https://a/\", "
            "jwks_uri: \"https://a/\"}\n    allow_loopback_http: true"),
       "b.yaml:8:16: providers[1].endpoints: contradicts discovery; remove it, or set discovery: "
       "false"},
      {"NeitherEndpointsNorDiscovery",
       With("allow_loopback_http: true", "discovery: false\n    allow_loopback_http: true"),
       "b.yaml:8:16: providers[1].endpoints: is required with discovery: false"},
      {"EndpointInPlaintext",
       With("    allow_loopback_http: true",
            "    allow_loopback_http: true\n    discovery: false\n"
            "    endpoints: {authorization_endpoint: \"http://a/\", token_endpoint: "
            "\"https://a/\"}"),
       "b.yaml:10:16: providers[1].endpoints.jwks_uri: is required, for example: "
       "https://idp.example.com/jwks\n"
       "b.yaml:10:41: providers[1].endpoints.authorization_endpoint: must begin with https://"},
      {"UnsignedIdTokens",
       With("auth0.com/\n", "auth0.com/\n    id_token_signing_algorithms: [none, HS256, RS265]\n"),
       "b.yaml:6:35: providers[0].id_token_signing_algorithms[0]: is not safe here: anybody could "
       "sign; use RS256 or ES256\n"
       "b.yaml:6:41: providers[0].id_token_signing_algorithms[1]: is not safe here: anybody could "
       "sign; use RS256 or ES256\n"
       "b.yaml:6:48: providers[0].id_token_signing_algorithms[2]: there is no signing algorithm "
       "\"RS265\"; did you mean \"RS256\"?"},
      {"JwksLifetimes",
       With("auth0.com/\n", "auth0.com/\n    jwks: {minimum_lifetime: 1h, maximum_lifetime: 1m}\n"),
       "b.yaml:6:30: providers[0].jwks.minimum_lifetime: is longer than maximum_lifetime"},
      {"Timeouts",
       With("auth0.com/\n", "auth0.com/\n    connect_timeout: 10s\n    request_timeout: 5s\n"),
       "b.yaml:6:22: providers[0].connect_timeout: is longer than request_timeout, which includes "
       "it"},
      {"TrustedHost",
       With("auth0.com/\n",
            "auth0.com/\n    trusted_endpoint_hosts: [a.example, \"https://b.example\"]\n"),
       "b.yaml:6:41: providers[0].trusted_endpoint_hosts[1]: must be a host name alone, without "
       "scheme, port and path"},
      {"AddressBlock",
       With("auth0.com/\n", "auth0.com/\n    allowed_private_addresses: [10.0.0.0/33]\n"),
       "b.yaml:6:33: providers[0].allowed_private_addresses[0]: must be an IP address or a block "
       "of "
       "them, such as 10.0.0.0/8"},
  };
}

std::vector<Case> ClientCases() {
  return {
      {"UnknownProvider", With("provider: auth0", "provider: auth"),
       "b.yaml:11:15: clients[0].provider: there is no provider \"auth\"; did you mean \"auth0\"?"},
      {"UnknownIdTokenAlgorithm",
       With("scopes: [openid, profile]", "id_token_signed_response_alg: none"),
       "b.yaml:15:35: clients[0].id_token_signed_response_alg: there is no signing algorithm "
       "\"none\"; there are: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, "
       "EdDSA, HS256, HS384, HS512"},
      {"SharedSecretWithoutASecret",
       Replaced(With("scopes: [openid, profile]", "id_token_signed_response_alg: HS256"),
                "{client_secret_basic: {secrets: [{env: SHOP_SECRET}]}}", "{none: {}}"),
       "b.yaml:15:35: clients[0].id_token_signed_response_alg: needs a client secret, which this "
       "authentication has not"},
      {"AlgorithmThatTheProviderHasNot",
       Replaced(With("scopes: [openid, profile]", "userinfo_signed_response_alg: ES256"),
                "auth0.com/\n", "auth0.com/\n    id_token_signing_algorithms: [RS256]\n"),
       "b.yaml:16:35: clients[0].userinfo_signed_response_alg: must be one of the provider's "
       "id_token_signing_algorithms"},
      {"UnsignedEncryptedUserInfo",
       With("scopes: [openid, profile]",
            "userinfo_encryption: {keys: [{private_key: {env: K}, algorithm: RSA-OAEP}]}"),
       "b.yaml:15:26: clients[0].userinfo_encryption: needs userinfo_signed_response_alg: anybody "
       "can encrypt"},
      {"UnknownEncryption",
       With("scopes: [openid, profile]",
            "id_token_encryption:\n      keys: [{private_key: {env: K}, algorithm: RSA1_5}]\n"
            "      content_encryptions: [A128GCM, A128]"),
       "b.yaml:16:49: clients[0].id_token_encryption.keys[0].algorithm: there is no key management "
       "algorithm \"RSA1_5\"; there are: RSA-OAEP, RSA-OAEP-256, ECDH-ES, ECDH-ES+A128KW, "
       "ECDH-ES+A192KW, ECDH-ES+A256KW\n"
       "b.yaml:17:38: clients[0].id_token_encryption.content_encryptions[1]: there is no content "
       "encryption \"A128\"; there are: A128GCM, A192GCM, A256GCM, A128CBC-HS256, A192CBC-HS384, "
       "A256CBC-HS512"},
      {"ExchangeOfBoundTokens",
       With("scopes: [openid, profile]", "token_exchange: true\n    dpop: {}"),
       "b.yaml:15:21: clients[0].token_exchange: contradicts dpop: nobody would have the key of an "
       "exchanged token"},
      {"EncryptionWithoutKeys", With("scopes: [openid, profile]", "id_token_encryption: {}"),
       "b.yaml:15:26: clients[0].id_token_encryption.keys: is required"},
      {"ClientNameTwice",
       With("callers:",
            "  - name: shop\n    provider: local\n    client_id: x\n"
            "    authentication: {none: {}}\n    redirect_uris: [https://s.example/]\n"
            "callers:"),
       "b.yaml:16:11: clients[1].name: is the same as clients[0].name; give each its own"},
      {"NameWithSpace", With("name: shop", "name: the shop"),
       "b.yaml:10:11: clients[0].name: must be a name: up to 63 letters, digits, \"-\", \"_\" and "
       "\".\", beginning with a letter or a digit\n"
       "b.yaml:18:15: callers[0].clients[0]: there is no client \"shop\"; there are: the shop"},
      {"RelativeRedirectUri", With("https://shop.example.com/cb", "/cb"),
       "b.yaml:14:21: clients[0].redirect_uris[0]: must be an absolute URI, such as "
       "https://app.example.com/callback"},
      {"RedirectUriWithFragment", With("example.com/cb", "example.com/cb#x"),
       "b.yaml:14:21: clients[0].redirect_uris[0]: must not have a fragment (#...)"},
      {"RedirectUriInPlaintext", With("https://shop", "http://shop"),
       "b.yaml:14:21: clients[0].redirect_uris[0]: must begin with https://; http:// is only for "
       "loopback addresses"},
      {"ResponseType", With("scopes:", "response_types: [token]\n    scopes:"),
       "b.yaml:15:22: clients[0].response_types[0]: must be one of: code, code id_token, code "
       "token, code id_token token"},
      {"ResponseTypeTwice",
       With("scopes:", "response_types: [code id_token, id_token code]\n    scopes:"),
       "b.yaml:15:37: clients[0].response_types[1]: is listed twice; the order of the words does "
       "not "
       "count"},
      {"DefaultResponseType", With("scopes:", "default_response_type: code\n    scopes:"),
       "b.yaml:15:28: clients[0].default_response_type: must be one of response_types"},
      {"ResponseMode", With("scopes:", "response_modes: [form-post]\n    scopes:"),
       "b.yaml:15:22: clients[0].response_modes[0]: there is no response mode \"form-post\"; did "
       "you "
       "mean \"form_post\"?"},
      {"QueryWithHybrid", With("scopes:", "response_modes: [query]\n    scopes:"),
       "b.yaml:15:22: clients[0].response_modes[0]: is for the response type code alone, which is "
       "not in response_types"},
      {"JwtQueryWithHybrid", With("scopes:", "response_modes: [query.jwt]\n    scopes:"),
       "b.yaml:15:22: clients[0].response_modes[0]: is for the response type code alone, which is "
       "not in response_types"},
      {"JwtAsMode", With("scopes:", "response_modes: [jwt]\n    scopes:"),
       "b.yaml:15:22: clients[0].response_modes[0]: stands for query.jwt with the response type "
       "code "
       "and for fragment.jwt with the others; write these"},
      {"UnsignedResponses", With("scopes:", "authorization_signed_response_alg: none\n    scopes:"),
       "b.yaml:15:40: clients[0].authorization_signed_response_alg: is not safe here: anybody "
       "could "
       "sign; use RS256 or ES256"},
      {"AlgorithmOfKey",
       With("scopes:",
            "request_object_key: {private_key: {env: K}, algorithm: ES265}\n    scopes:"),
       "b.yaml:15:60: clients[0].request_object_key.algorithm: there is no signing algorithm "
       "\"ES265\"; did you mean \"ES256\"?"},
      {"PushedRequests", With("scopes:", "pushed_authorization_requests: never\n    scopes:"),
       "b.yaml:15:36: clients[0].pushed_authorization_requests: must be one of: when_required, "
       "when_offered, always"},
      {"ScopesInOneText", With("[openid, profile]", "[openid profile]"),
       "b.yaml:10:5: clients[0].scopes: must have openid, without which there is no ID token\n"
       "b.yaml:15:14: clients[0].scopes[0]: must be one scope, without spaces, quotes and "
       "backslashes; list several one by one"},
      {"DefaultScope", With("scopes:", "default_scopes: [email]\n    scopes:"),
       "b.yaml:15:22: clients[0].default_scopes[0]: must be one of scopes; add it there, or remove "
       "it here"},
      {"GrantLifetimes", With("scopes:", "grant_lifetime: {idle: 2d, absolute: 1d}\n    scopes:"),
       "b.yaml:15:28: clients[0].grant_lifetime.idle: is longer than absolute"},
      {"FractionAndJitter", With("scopes:", "refresh: {fraction: 0.9, jitter: 0.2}\n    scopes:"),
       "b.yaml:15:14: clients[0].refresh: fraction plus jitter must not be over 1, nor jitter over "
       "fraction"},
      {"IdleLifetimeWithinTheFloor",
       With("scopes:", "refresh: {floor: 1m, refresh_token_idle_lifetime: 30s}\n    scopes:"),
       "b.yaml:15:55: clients[0].refresh.refresh_token_idle_lifetime: is over before floor allows "
       "another refresh; make floor shorter"},
      {"MoreInFlightOfOneProviderThanInAll",
       "refresh: {scheduler: {max_in_flight: 5, max_in_flight_per_provider: 6}}",
       "b.yaml:1:69: refresh.scheduler.max_in_flight_per_provider: is more than max_in_flight"},
      {"RetriesThatGetShorter", "refresh: {scheduler: {first_retry: 10s, longest_retry: 5s}}",
       "b.yaml:1:36: refresh.scheduler.first_retry: is longer than longest_retry"},
      {"VisibilityShorterThanARefresh", Plus("refresh: {scheduler: {visibility_timeout: 10s}}\n"),
       "b.yaml:21:43: refresh.scheduler.visibility_timeout: must be at least twice "
       "providers[0].request_timeout, so that no other replica takes a grant whose refresh is "
       "under way"},
      {"ProofsByASharedSecret", With("scopes:", "dpop: {signing_algorithm: HS256}\n    scopes:"),
       "b.yaml:15:31: clients[0].dpop.signing_algorithm: there is no signing algorithm "
       "\"HS256\"; did you mean \"ES256\"?"},
      {"BearerTokensBesideBoundOnes",
       With("scopes:", "dpop: {}\n    response_types: [code, token code]\n    scopes:"),
       "b.yaml:16:28: clients[0].response_types[1]: contradicts dpop: a token that comes through "
       "the browser is bound to no key"},
      {"MaxAgeInMilliseconds", With("scopes:", "max_age: 1500ms\n    scopes:"),
       "b.yaml:15:14: clients[0].max_age: must be whole seconds"},
      {"OwnParameter", With("scopes:", "authorization_parameters: {state: x}\n    scopes:"),
       "b.yaml:15:32: clients[0].authorization_parameters.state: is set by the broker itself; "
       "remove "
       "it here"},
      {"NoAuthentication",
       With("    authentication: {client_secret_basic: {secrets: [{env: SHOP_SECRET}]}}\n", ""),
       "b.yaml:10:5: clients[0].authentication: is required"},
      {"TwoAuthentications",
       With("{client_secret_basic: {secrets: [{env: SHOP_SECRET}]}}",
            "{client_secret_basic: {secrets: [{env: SHOP_SECRET}]}, none: {}}"),
       "b.yaml:13:76: clients[0].authentication.none: cannot be given beside "
       "\"client_secret_basic\"; keep one of them"},
      {"NoSecrets", With("{secrets: [{env: SHOP_SECRET}]}", "{}"),
       "b.yaml:13:43: clients[0].authentication.client_secret_basic.secrets: is required"},
  };
}

// The file with another authentication of its client.
std::string Authenticated(std::string_view authentication) {
  return With("{client_secret_basic: {secrets: [{env: SHOP_SECRET}]}}", authentication);
}

std::vector<Case> AuthenticationCases() {
  return {
      {"KeyAlgorithmOfASecret",
       Authenticated("{client_secret_jwt: {secrets: [{env: S}], algorithm: RS256}}"),
       "b.yaml:13:74: clients[0].authentication.client_secret_jwt.algorithm: is for a private key; "
       "use private_key_jwt, or one of: HS256, HS384, HS512"},
      {"UnknownAlgorithmOfASecret",
       Authenticated("{client_secret_jwt: {secrets: [{env: S}], algorithm: HS265}}"),
       "b.yaml:13:74: clients[0].authentication.client_secret_jwt.algorithm: there is no HMAC "
       "algorithm \"HS265\"; did you mean \"HS256\"?"},
      {"SecretAlgorithmOfAKey",
       Authenticated("{private_key_jwt: {keys: [{private_key: {env: K}, algorithm: HS256}]}}"),
       "b.yaml:13:82: clients[0].authentication.private_key_jwt.keys[0].algorithm: is for a "
       "secret, and a private key is none; use one such as ES256"},
      {"UnsignedAssertions",
       Authenticated("{private_key_jwt: {keys: [{private_key: {env: K}, algorithm: none}]}}"),
       "b.yaml:13:82: clients[0].authentication.private_key_jwt.keys[0].algorithm: is not safe "
       "here: anybody could sign; use RS256 or ES256"},
      {"KeyWithoutAlgorithm", Authenticated("{private_key_jwt: {keys: [{private_key: {env: K}}]}}"),
       "b.yaml:13:47: clients[0].authentication.private_key_jwt.keys[0].algorithm: is required, "
       "for example: ES256"},
      {"ClientKeyIdTwice",
       Authenticated("{private_key_jwt: {keys: ["
                     "{private_key: {env: K}, algorithm: ES256, key_id: a}, "
                     "{private_key: {env: L}, algorithm: ES256, key_id: a}]}}"),
       "b.yaml:13:151: clients[0].authentication.private_key_jwt.keys[1].key_id: is the same as "
       "clients[0].authentication.private_key_jwt.keys[0].key_id; give each its own"},
      {"NoCertificates", Authenticated("{tls_client_auth: {}}"),
       "b.yaml:13:39: clients[0].authentication.tls_client_auth.certificates: is required"},
      {"CertificateWithoutItsKey",
       Authenticated("{self_signed_tls_client_auth: {certificates: [{certificate_file: a}]}}"),
       "b.yaml:13:67: clients[0].authentication.self_signed_tls_client_auth.certificates[0]."
       "private_key_file: is required, for example: /etc/token-broker/shop/tls.key"},
      {"CertificateWithoutTls",
       Replaced(Authenticated("{tls_client_auth: {certificates: [{certificate_file: a, "
                              "private_key_file: b}]}}"),
                "provider: auth0", "provider: local"),
       "b.yaml:13:39: clients[0].authentication.tls_client_auth: needs TLS, and the issuer of the "
       "provider local begins with http://; give it an https:// issuer, or choose another method"},
      {"ClientCredentialsOfAPublicClient",
       Replaced(Authenticated("{none: {}}"), "scopes:", "client_credentials: true\n    scopes:"),
       "b.yaml:15:25: clients[0].client_credentials: needs a client that can prove who it is; give "
       "it another authentication than none"},
      {"AliasInPlaintext",
       With("auth0.com/\n",
            "auth0.com/\n    discovery: false\n    endpoints:\n"
            "      authorization_endpoint: https://a.example/a\n"
            "      token_endpoint: https://a.example/t\n      jwks_uri: https://a.example/j\n"
            "      mtls_endpoint_aliases: {token_endpoint: \"http://a.example/t\"}\n"),
       "b.yaml:11:47: providers[0].endpoints.mtls_endpoint_aliases.token_endpoint: must begin with "
       "https://"},
      {"AssertionAudience",
       With("auth0.com/\n", "auth0.com/\n    client_assertion_audience: anybody\n"),
       "b.yaml:6:32: providers[0].client_assertion_audience: must be one of: issuer, "
       "token_endpoint"},
  };
}

std::vector<Case> CallerCases() {
  return {
      {"UnknownClient", With("clients: [shop]", "clients: [shops]"),
       "b.yaml:18:15: callers[0].clients[0]: there is no client \"shops\"; did you mean \"shop\"?"},
      {"AllClientsAndOne", With("clients: [shop]", "clients: [shop, \"*\"]"),
       "b.yaml:18:21: callers[0].clients[1]: covers all clients; remove the others, or this"},
      {"UnknownRpc", With("[GetAccessToken]", "[GetAccesToken]"),
       "b.yaml:19:12: callers[0].rpcs[0]: there is no RPC \"GetAccesToken\"; did you mean "
       "\"GetAccessToken\"?"},
      {"AdminRpcWithoutItsService", With("[GetAccessToken]", "[ReloadConfig]"),
       "b.yaml:19:12: callers[0].rpcs[0]: there is no RPC \"ReloadConfig\"; there are: *, Admin/*, "
       "CreateAuthorizationUrl, SubmitCallback, GetAccessToken, WatchAccessToken, GetGrant, "
       "ListGrants, RevokeGrant, GetUserInfo, ExchangeToken, CreateLogoutUrl, SubmitLogoutToken, "
       "Admin/DescribeProviders, Admin/DescribeScheduler, Admin/ListGrants, Admin/RefreshGrant, "
       "Admin/RevokeGrants, Admin/RewrapGrants, Admin/ReloadConfig"},
      {"CallerThatNobodyCanBe", With("dev: {anonymous_caller: web}", "dev: {}"),
       "b.yaml:17:5: callers[0].identities: is required: nobody could prove to be this caller"},
      {"CertificateThatIsNotAskedFor",
       With("rpcs:", "identities: [{dns_san: a.example}]\n    rpcs:"),
       "b.yaml:19:18: callers[0].identities[0]: can never match: the server asks for no client "
       "certificate; set server.tls.client_ca_file"},
      {"UnknownJwtIssuer",
       With("rpcs:", "identities: [{jwt: {issuer: \"https://k\", subject: s}}]\n    rpcs:"),
       "b.yaml:19:33: callers[0].identities[0].jwt.issuer: there is no issuer in jwt_issuers "
       "\"https://k\"; there are none"},
      {"ScopeOfNoClient", With("rpcs:", "scopes: [email]\n    rpcs:"),
       "b.yaml:19:14: callers[0].scopes[0]: is in the scopes of none of its clients"},
      {"AudienceOfNoClient", With("rpcs:", "audiences: [x]\n    rpcs:"),
       "b.yaml:19:17: callers[0].audiences[0]: is in the audiences of none of its clients"},
      {"UnknownAnonymousCaller",
       With("dev: {anonymous_caller: web}", "dev: {anonymous_caller: wep}"),
       "b.yaml:17:5: callers[0].identities: is required: nobody could prove to be this caller\n"
       "b.yaml:20:25: dev.anonymous_caller: there is no caller \"wep\"; did you mean \"web\"?"},
      {"AnonymousCallerOnTheNetwork",
       With("listen: 127.0.0.1:0",
            "listen: 0.0.0.0:1\n  tls: {certificate_file: a, private_key_file: b}"),
       "b.yaml:21:25: dev.anonymous_caller: would let everybody in who reaches server.listen; "
       "listen on 127.0.0.1 or a unix: socket, or remove it"},
      {"AnonymousCallerWithRequiredCertificates",
       With("listen: 127.0.0.1:0",
            "tls: {certificate_file: a, private_key_file: b, client_ca_file: c}"),
       "b.yaml:20:25: dev.anonymous_caller: contradicts server.tls, which requires client "
       "certificates; remove one"},
      {"CallerNameTwice", With("dev:", "  - {name: web, clients: [shop], rpcs: [\"*\"]}\ndev:"),
       "b.yaml:20:12: callers[1].name: is the same as callers[0].name; give each its own"},
      {"IdentitiesOfTheWrongForm",
       Replaced(With("listen: 127.0.0.1:0",
                     "tls: {certificate_file: a, private_key_file: b, client_ca_file: c, "
                     "client_certificates: optional}"),
                "rpcs:",
                "identities:\n"
                "      - spiffe_id: https://example.com/a\n"
                "      - dns_san: \"*.example.com\"\n"
                "      - dns_san: a.example.com\n"
                "      - dns_san: a.example.com\n"
                "    rpcs:"),
       "b.yaml:20:20: callers[0].identities[0].spiffe_id: must be a SPIFFE ID, such as "
       "spiffe://example.com/backend\n"
       "b.yaml:21:18: callers[0].identities[1].dns_san: must be a DNS name without wildcards\n"
       "b.yaml:23:9: callers[0].identities[3]: is the same as callers[0].identities[2]; give it to "
       "one caller only"},
      {"JwtIssuerTwice",
       Plus("jwt_issuers:\n"
            "  - {issuer: a, jwks_file: f, audience: b}\n"
            "  - {issuer: a, jwks_uri: \"http://localhost/\", audience: b, "
            "signing_algorithms: [HS256]}\n"),
       "b.yaml:23:14: jwt_issuers[1].issuer: is the same as jwt_issuers[0].issuer; give each its "
       "own\n"
       "b.yaml:23:27: jwt_issuers[1].jwks_uri: must begin with https://; on a developer's machine "
       "set jwt_issuers[1].allow_loopback_http: true\n"
       "b.yaml:23:82: jwt_issuers[1].signing_algorithms[0]: is not safe here: anybody could sign; "
       "use RS256 or ES256"},
      {"JwtIssuerWithoutKeys", Plus("jwt_issuers: [{issuer: a, audience: b}]\n"),
       "b.yaml:21:15: jwt_issuers[0]: needs exactly one of the fields: jwks_uri, jwks_file"},
  };
}

std::string NameOf(const ::testing::TestParamInfo<Case>& info) {
  return std::string(info.param.name);
}

INSTANTIATE_TEST_SUITE_P(Shape, ConfigFault, ::testing::ValuesIn(ShapeCases()), NameOf);
INSTANTIATE_TEST_SUITE_P(Server, ConfigFault, ::testing::ValuesIn(ServerCases()), NameOf);
INSTANTIATE_TEST_SUITE_P(Provider, ConfigFault, ::testing::ValuesIn(ProviderCases()), NameOf);
INSTANTIATE_TEST_SUITE_P(Client, ConfigFault, ::testing::ValuesIn(ClientCases()), NameOf);
INSTANTIATE_TEST_SUITE_P(Authentication, ConfigFault, ::testing::ValuesIn(AuthenticationCases()),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Caller, ConfigFault, ::testing::ValuesIn(CallerCases()), NameOf);

TEST(ConfigFaults, AreAllReportedAtOnceInTheOrderOfTheText) {
  const auto result = ParseConfig(
      "near_cache: {max_bytes: 1}\nserver: {listen: x, drain_grace: 1}\nclinets: []\n", "b.yaml");
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(std::string(result.status().message()),
            "b.yaml:1:25: near_cache.max_bytes: must be a size from 1MiB to 64GiB; write bytes, "
            "KiB, MiB or GiB\n"
            "b.yaml:2:18: server.listen: must be an address: host:port, [ipv6]:port or "
            "unix:/absolute/path\n"
            "b.yaml:2:34: server.drain_grace: must be a duration from 0s to 1h; write it with a "
            "unit, such as 90s or 1h30m\n"
            "b.yaml:3:1: clinets: there is no such field; did you mean \"clients\"?");
}

TEST(ConfigFaults, StayReadableWhenThereAreVeryMany) {
  std::string text = "providers:\n";
  for (int i = 0; i < 1000; ++i) text += "  - nonsense\n";
  const auto result = ParseConfig(text, "b.yaml");
  EXPECT_THAT(std::string(result.status().message()), ::testing::EndsWith("\nand 900 more"));
}

TEST(ConfigFaults, NeverQuoteWhatCouldBeASecret) {
  for (const std::string_view text :
       {"clients: [{authentication: {client_secret_basic: {secrets: [hunter2]}}}]",
        "clients: [{authentication: {client_secret_basic: hunter2}}]",
        "clients: [{authentication: hunter2}]",
        "encryption: {keys: [{id: a, key: {inline: hunter2}}]}",
        "encryption: {keys: [{id: a, key: {env: hunter2-}}]}",
        "store: {redis: {address: \"redis://:hunter2@r\", password: hunter2}}"}) {
    const auto result = ParseConfig(text, "b.yaml");
    EXPECT_THAT(result, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(std::string(result.status().message()),
                ::testing::Not(::testing::HasSubstr("hunter2")));
  }
}

TEST(ConfigFaults, OfAliasesThatExpandWithoutBoundAreReported) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int k = 0; k < 9; ++k) text += ", " + before;
    text += "]\n";
  }
  const auto result = ParseConfig(text, "b.yaml");
  EXPECT_THAT(std::string(result.status().message()),
              ::testing::HasSubstr("is too large: more than 100000 values, aliases followed"));
}

TEST(ConfigFaults, OfTextsThatAreTooLargeOrTooDeepAreReported) {
  EXPECT_THAT(std::string(ParseConfig(std::string(2 << 20, '#'), "b.yaml").status().message()),
              "b.yaml:1:1: is larger than 1 MiB");
  EXPECT_THAT(ParseConfig(std::string(100'000, '['), "b.yaml"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseConfig("server: " + std::string(400, '[') + std::string(400, ']'), "b.yaml"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ConfigFaults, AreNotFoundInTheValidFile) {
  EXPECT_THAT(ParseConfig(kValid, "b.yaml"), IsOk());
}

}  // namespace
}  // namespace tokenbroker::config
