// `tokenctl exchange`: another token for one that is piped in.
#pragma once

#include <istream>

#include "output.h"
#include "tokenbroker/v1/token_broker.grpc.pb.h"

namespace tokenbroker::tokenctl {

// Reads the subject token from the first line of `input`, never from the command line, where others
// could see it, and prints the token got for it.
ExitCode Exchange(v1::TokenBroker::Stub& broker, v1::ExchangeTokenRequest request,
                  std::istream& input, bool json);

}  // namespace tokenbroker::tokenctl
