// How callers reach the server: plaintext on this machine, TLS from anywhere.
#pragma once

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "grpcpp/security/server_credentials.h"
#include "rpc/server_identity.h"

namespace tokenbroker::rpc {

// Whether only this machine can reach `address`: a Unix socket (`unix:/run/broker.sock`),
// `localhost` or a loopback address with a port.
bool IsLocalAddress(std::string_view address);

// Credentials for listening on `address`, of one server that `identity` must outlive. Without an
// identity only a local address is served.
//
// Errors: INVALID_REQUEST whose message says what is wrong with the address.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    std::string_view address, std::shared_ptr<ServerIdentity> identity);

}  // namespace tokenbroker::rpc
