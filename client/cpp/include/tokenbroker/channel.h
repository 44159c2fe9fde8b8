// A channel to the token broker.
//
//   tokenbroker::client::ChannelOptions options{.address = "dns:///token-broker:7070"};
//   auto stub = tokenbroker::v1::TokenBroker::NewStub(tokenbroker::client::MakeChannel(options));
#pragma once

#include <memory>
#include <string>

#include "grpcpp/channel.h"

namespace tokenbroker::client {

struct ChannelOptions {
  // A gRPC target: `host:port`, `dns:///name:port` (all addresses of a headless Service, used in
  // turn), `unix:/path`.
  std::string address = "127.0.0.1:7070";
  // PEM files. With any of the first two TLS is spoken; without, plaintext, which a broker offers
  // on loopback and Unix sockets only.
  std::string ca_file;           // the certificates to trust; empty with TLS: the system's
  std::string certificate_file;  // who we are, with its key; empty: no client certificate
  std::string private_key_file;
  bool tls = false;  // TLS with the system's certificates
  // A file with a bearer JWT, such as a projected service-account token; read again for every call,
  // since it is renewed in place. Only sent over TLS or to this machine. Empty: none.
  std::string bearer_token_file;
};

// Makes a channel that balances over all addresses and repeats, with back-off, calls that did no
// harm by failing with UNAVAILABLE, or were dropped by a broker that ends: all but ExchangeToken,
// which may have been made at the provider, and streams (TokenWatch). Never blocks; connecting
// happens with the first call. Throws std::runtime_error where a named file cannot be read.
// Thread-safe.
std::shared_ptr<grpc::Channel> MakeChannel(const ChannelOptions& options);

}  // namespace tokenbroker::client
