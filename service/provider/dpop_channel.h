// Requests to one provider that prove possession of a key, where there is one (RFC 9449).
#pragma once

#include <functional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/task.h"
#include "net/http_client.h"
#include "oauth/dpop.h"
#include "provider/back_channel.h"
#include "provider/dpop_nonces.h"

namespace tokenbroker::provider {

// Thread-safe. Remembers the newest nonce of each server, so that only the first request to one is
// sent in vain.
class DpopChannel {
 public:
  // Borrows both.
  DpopChannel(const BackChannel& channel, const Clock& clock);

  // What is to be sent. All that it refers to must outlive the exchange.
  struct Request {
    // Makes the request anew each time it is sent: a client assertion is good only once.
    std::function<absl::StatusOr<HttpRequest>()> make;
    oauth::DpopKey key;                    // null: sent without a proof, and never repeated here
    const Secret* access_token = nullptr;  // what goes along in the request, if something does
  };

  // Sends the request, with a fresh proof if it has a key. Where the server wants a nonce in it and
  // says which, the request is sent once more: the server did not look at it, so not even an
  // authorization code is spent (RFC 9449 section 8). What it answers then stands.
  //
  // Errors: those of `request.make` and of oauth::MakeDpopProof, with Delivery kNotSent; those of
  // BackChannel::Exchange. Suspends: up to 2 exchanges, 4 where the network fails.
  // Borrows: this object must outlive the task.
  Task<HttpResponse> Exchange(Request request, absl::Time deadline) const;

 private:
  absl::StatusOr<HttpRequest> Make(const Request& request) const;

  const BackChannel& channel_;
  const Clock& clock_;
  mutable DpopNonces nonces_;
};

}  // namespace tokenbroker::provider
