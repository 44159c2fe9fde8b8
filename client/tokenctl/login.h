// `tokenctl login`: a sign-in with this machine's browser.
#pragma once

#include <chrono>
#include <string>

#include "output.h"
#include "tokenbroker/v1/token_broker.grpc.pb.h"

namespace tokenbroker::tokenctl {

struct LoginOptions {
  v1::CreateAuthorizationUrlRequest request;
  bool open_browser = true;
  bool json = false;
  std::chrono::seconds patience = std::chrono::minutes(5);
};

// Prints (or opens) the authorize URL, takes the callback on the loopback redirect URI, and prints
// the grant. The browser binding never leaves this process.
ExitCode Login(v1::TokenBroker::Stub& broker, const LoginOptions& options);

}  // namespace tokenbroker::tokenctl
