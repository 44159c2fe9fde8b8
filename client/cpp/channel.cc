#include "tokenbroker/channel.h"

#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace tokenbroker::client {
namespace {

// Reads are repeated. So is what the broker answers alike when it comes again: a callback, the end
// of a grant, a logout token. An exchange is not: the provider may have taken the subject token
// already, and only the caller knows whether it may come twice. CANCELLED is what becomes of a call
// that reaches a broker which has just begun to end: gRPC's server drops it unseen. A call that its
// own caller cancels is not repeated.
constexpr char kServiceConfig[] = R"({
  "loadBalancingConfig": [{"round_robin": {}}],
  "methodConfig": [{
    "name": [
      {"service": "tokenbroker.v1.TokenBroker", "method": "GetAccessToken"},
      {"service": "tokenbroker.v1.TokenBroker", "method": "GetGrant"},
      {"service": "tokenbroker.v1.TokenBroker", "method": "ListGrants"},
      {"service": "tokenbroker.v1.TokenBroker", "method": "GetUserInfo"},
      {"service": "tokenbroker.v1.TokenBroker", "method": "SubmitCallback"},
      {"service": "tokenbroker.v1.TokenBroker", "method": "CreateAuthorizationUrl"},
      {"service": "tokenbroker.v1.TokenBroker", "method": "RevokeGrant"},
      {"service": "tokenbroker.v1.TokenBroker", "method": "CreateLogoutUrl"},
      {"service": "tokenbroker.v1.TokenBroker", "method": "SubmitLogoutToken"}
    ],
    "waitForReady": true,
    "retryPolicy": {
      "maxAttempts": 4,
      "initialBackoff": "0.1s",
      "maxBackoff": "2s",
      "backoffMultiplier": 2,
      "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"]
    }
  }, {
    "name": [{"service": "tokenbroker.v1.TokenBroker", "method": "ExchangeToken"}],
    "waitForReady": true
  }]
})";

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) throw std::runtime_error("cannot read " + path);
  return std::move(text).str();
}

std::string WithoutLineEnd(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

class BearerTokenFile final : public grpc::MetadataCredentialsPlugin {
 public:
  explicit BearerTokenFile(std::string path) : path_(std::move(path)) {}

  bool IsBlocking() const override { return true; }

  grpc::Status GetMetadata(grpc::string_ref, grpc::string_ref, const grpc::AuthContext&,
                           std::multimap<grpc::string, grpc::string>* metadata) override {
    try {
      metadata->emplace("authorization", "Bearer " + WithoutLineEnd(ReadFile(path_)));
    } catch (const std::runtime_error& error) {
      return {grpc::StatusCode::UNAUTHENTICATED, error.what()};
    }
    return grpc::Status::OK;
  }

  grpc::string DebugString() override { return "bearer token from a file"; }

 private:
  const std::string path_;
};

std::shared_ptr<grpc::ChannelCredentials> TransportCredentials(const ChannelOptions& options) {
  if (!options.tls && options.ca_file.empty() && options.certificate_file.empty()) {
    // Local credentials let call credentials through where only this machine can listen.
    const bool unix_socket = options.address.rfind("unix:", 0) == 0;
    if (options.bearer_token_file.empty()) return grpc::InsecureChannelCredentials();
    return grpc::experimental::LocalCredentials(unix_socket ? UDS : LOCAL_TCP);
  }
  grpc::SslCredentialsOptions tls;
  if (!options.ca_file.empty()) tls.pem_root_certs = ReadFile(options.ca_file);
  if (!options.certificate_file.empty()) {
    tls.pem_cert_chain = ReadFile(options.certificate_file);
    tls.pem_private_key = ReadFile(options.private_key_file);
  }
  return grpc::SslCredentials(tls);
}

}  // namespace

std::shared_ptr<grpc::Channel> MakeChannel(const ChannelOptions& options) {
  auto credentials = TransportCredentials(options);
  if (!options.bearer_token_file.empty()) {
    ReadFile(options.bearer_token_file);  // a wrong path is found now, not at the first call
    credentials = grpc::CompositeChannelCredentials(
        credentials, grpc::MetadataCredentialsFromPlugin(
                         std::make_unique<BearerTokenFile>(options.bearer_token_file)));
  }
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(kServiceConfig);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  // A stream of tokens is silent most of the time: a peer that vanished has to be noticed all the
  // same.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  return grpc::CreateCustomChannel(options.address, credentials, arguments);
}

}  // namespace tokenbroker::client
