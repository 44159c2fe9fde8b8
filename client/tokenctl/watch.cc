#include "watch.h"

#include <chrono>
#include <cstdio>
#include <utility>

#include "tokenbroker/token_watch.h"

namespace tokenbroker::tokenctl {

ExitCode Watch(const std::shared_ptr<grpc::Channel>& channel, v1::WatchAccessTokenRequest request,
               bool json) {
  client::TokenWatch watch(
      channel, std::move(request),
      {.on_interruption = [](const grpc::Status& status) { (void)Complain(status); }});
  while (true) {
    v1::GetAccessTokenResponse token;
    const auto an_hour_on = std::chrono::system_clock::now() + std::chrono::hours(1);
    const bool ended = watch.ended();
    const grpc::Status status = watch.Next(an_hour_on, &token);
    if (!status.ok() && ended) return Complain(status);
    if (!status.ok()) continue;
    if (json) {
      PrintJson(token);
    } else {
      std::printf("%s\n", token.access_token().c_str());
    }
    std::fflush(stdout);
  }
}

}  // namespace tokenbroker::tokenctl
