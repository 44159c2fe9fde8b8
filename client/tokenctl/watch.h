// `tokenctl watch`: each token as it replaces the last.
#pragma once

#include <memory>

#include "grpcpp/channel.h"
#include "output.h"
#include "tokenbroker/v1/token_broker.pb.h"

namespace tokenbroker::tokenctl {

// Prints the current token and each newer one on a line of its own, until the grant ends or Ctrl-C.
// What breaks the stream is told on standard error, and the stream begun again.
ExitCode Watch(const std::shared_ptr<grpc::Channel>& channel, v1::WatchAccessTokenRequest request,
               bool json);

}  // namespace tokenbroker::tokenctl
