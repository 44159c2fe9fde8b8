#include "net/curl_http_client.h"

#include <utility>

#include "base/status_macros.h"
#include "net/completion.h"
#include "net/curl_engine.h"
#include "net/curl_library.h"
#include "net/curl_transfer.h"

namespace tokenbroker {

absl::StatusOr<std::unique_ptr<CurlHttpClient>> CurlHttpClient::Create(Runtime& runtime,
                                                                       const Clock& clock,
                                                                       HttpClientOptions options) {
  RETURN_IF_ERROR(InitializeCurl());
  auto engine = std::make_shared<CurlEngine>(runtime, std::move(options));
  return std::unique_ptr<CurlHttpClient>(new CurlHttpClient(std::move(engine), clock));
}

CurlHttpClient::CurlHttpClient(std::shared_ptr<CurlEngine> engine, const Clock& clock)
    : engine_(std::move(engine)), clock_(clock) {}

CurlHttpClient::~CurlHttpClient() { engine_->Shutdown(); }

Task<HttpResponse> CurlHttpClient::Send(HttpRequest request) {
  const absl::Duration timeout = request.deadline - clock_.Now();
  CO_ASSIGN_OR_RETURN(std::unique_ptr<CurlTransfer> transfer,
                      CurlTransfer::Create(std::move(request), engine_->options()));
  // What waits does not own what it waits for: the engine keeps the waiting coroutine, and the
  // runtime's pending operations keep the engine, so that stopping the runtime frees all three.
  auto start = [engine = engine_, transfer = std::move(transfer), timeout](
                   Completion<HttpResponse> done, asio::cancellation_slot slot) mutable {
    engine->Start(std::move(transfer), timeout, std::move(done), slot);
  };
  co_return co_await AwaitCompletion<HttpResponse>(std::move(start));
}

}  // namespace tokenbroker
