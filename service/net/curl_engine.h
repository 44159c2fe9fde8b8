// libcurl's multi interface driven by Asio: sockets, one timer, and the transfers in flight.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "asio/any_io_executor.hpp"
#include "asio/cancellation_signal.hpp"
#include "asio/posix/stream_descriptor.hpp"
#include "asio/steady_timer.hpp"
#include "asio/strand.hpp"
#include "base/error.h"
#include "net/completion.h"
#include "net/curl_transfer.h"
#include "net/runtime.h"

namespace tokenbroker {

// The public functions are thread-safe; everything behind them runs on one strand.
class CurlEngine : public std::enable_shared_from_this<CurlEngine> {
 public:
  CurlEngine(Runtime& runtime, HttpClientOptions options);
  CurlEngine(const CurlEngine&) = delete;
  CurlEngine& operator=(const CurlEngine&) = delete;
  ~CurlEngine();

  const HttpClientOptions& options() const { return options_; }

  // Starts `transfer`, to be over within `timeout`; `slot` cancels it.
  void Start(std::unique_ptr<CurlTransfer> transfer, absl::Duration timeout,
             Completion<HttpResponse> done, asio::cancellation_slot slot);

  // Ends all transfers with SHUTTING_DOWN, and every later one.
  void Shutdown();

 private:
  using Strand = asio::strand<asio::any_io_executor>;
  using TransferId = std::uint64_t;

  struct Running {
    std::unique_ptr<CurlTransfer> transfer;
    Completion<HttpResponse> done;
    asio::steady_timer deadline;
  };
  struct Watch;

  void Add(TransferId id, std::unique_ptr<CurlTransfer> transfer, absl::Duration timeout,
           Completion<HttpResponse> done);
  void Abandon(TransferId id, Reason reason, std::string_view cause);
  void AbandonAll();
  // Lets libcurl act on `socket` (or on its timer) and hands over what has ended.
  void Act(curl_socket_t socket, int events);
  void FinishEnded();
  // Makes pooled connections unusable on which the peer has sent something since the last answer:
  // libcurl would take it for the answer to the next request.
  void RetireThoseThatSpoke();
  void Wait(const std::shared_ptr<Watch>& watch);
  void OnReady(const std::shared_ptr<Watch>& watch, int event, bool failed);

  void StopWatching(curl_socket_t socket);

  int OnSocket(curl_socket_t socket, int what);
  int OnClose(curl_socket_t socket);
  int OnTimer(long milliseconds);

  // Constant after construction.
  const HttpClientOptions options_;
  Strand strand_;
  // On the strand.
  CURLM* multi_;
  asio::steady_timer timer_;
  std::uint64_t timer_round_ = 0;
  std::unordered_map<TransferId, Running> running_;
  std::unordered_map<CURL*, TransferId> ids_;
  std::unordered_map<curl_socket_t, std::shared_ptr<Watch>> watches_;
  bool shut_down_ = false;
};

}  // namespace tokenbroker
