#include "provider/dpop_channel.h"

#include <string>
#include <utility>

#include "base/random.h"
#include "base/status_macros.h"

namespace tokenbroker::provider {
namespace {

constexpr std::size_t kJtiBytes = 16;

bool AsksForNonce(const HttpResponse& response) {
  return oauth::AsksForDpopNonce({.status = response.status, .body = response.body.Reveal()},
                                 response.Header("www-authenticate").value_or(""));
}

}  // namespace

DpopChannel::DpopChannel(const BackChannel& channel, const Clock& clock)
    : channel_(channel), clock_(clock) {}

absl::StatusOr<HttpRequest> DpopChannel::Make(const Request& request) const {
  ASSIGN_OR_RETURN(HttpRequest made, request.make());
  if (!request.key) return made;
  const oauth::DpopTarget target{
      .http_method = made.method, .http_uri = made.url, .nonce = nonces_.Find(made.url)};
  const std::string jti = RandomToken(kJtiBytes);
  ASSIGN_OR_RETURN(Secret proof, oauth::MakeDpopProof(*request.key, target, request.access_token,
                                                      jti, clock_.Now()));
  made.headers.push_back({"DPoP", std::move(proof)});
  return made;
}

Task<HttpResponse> DpopChannel::Exchange(Request request, absl::Time deadline) const {
  bool repeated = false;
  while (true) {
    std::string url;
    const auto make = [&]() -> absl::StatusOr<HttpRequest> {
      ASSIGN_OR_RETURN(HttpRequest made, Make(request));
      url = made.url;
      return made;
    };
    auto response = co_await channel_.Exchange(make, deadline);
    if (!response.ok() || !request.key) co_return response;
    const bool has_nonce = nonces_.Remember(url, *response);
    if (repeated || !has_nonce || !AsksForNonce(*response)) co_return response;
    repeated = true;
  }
}

}  // namespace tokenbroker::provider
