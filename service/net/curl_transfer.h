// One HTTP exchange as libcurl sees it: an easy handle with its options and callbacks.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/error.h"
#include "net/curl_http_client.h"
#include "net/http_client.h"
#include "net/http_response_reader.h"

namespace tokenbroker {

// Thread-compatible; does not move, as libcurl points into it.
class CurlTransfer {
 public:
  // Errors: INVALID_REQUEST.
  static absl::StatusOr<std::unique_ptr<CurlTransfer>> Create(HttpRequest request,
                                                              const HttpClientOptions& options);
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;

  CURL* handle() const { return handle_.get(); }

  // What became of the exchange that libcurl ended with `code`. Once.
  absl::StatusOr<HttpResponse> Finish(CURLcode code);

  // The error of an exchange that is given up before its end.
  absl::Status Abandon(Reason reason, std::string_view cause) const;

 private:
  CurlTransfer(HttpRequest request, const HttpClientOptions& options);

  absl::Status Configure();
  absl::Status ConfigureUrl();
  absl::Status ConfigureHeaders();
  void ConfigureMethod();
  void ConfigureConnection();
  void ConfigureTls();
  absl::Status FailureOf(CURLcode code) const;
  Delivery DeliveryNow() const;

  static std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* self);
  static int OnRequest(void* self, char* peer, char* own, int peer_port, int own_port);
  static curl_socket_t OnOpenSocket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static CURLcode OnTlsContext(CURL* handle, void* context, void* self);

  template <typename Value>
  void Set(CURLoption option, Value value);

  struct HandleDeleter {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  };
  struct ListDeleter {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };

  HttpRequest request_;
  const HttpClientOptions& options_;
  std::string host_;  // of the URL, without brackets
  HttpResponseReader reader_;
  bool address_refused_ = false;
  bool would_repeat_ = false;  // ended instead of sending a body a second time
  bool option_refused_ = false;
  std::unique_ptr<curl_slist, ListDeleter> header_list_;
  std::unique_ptr<CURL, HandleDeleter> handle_;  // last: it points at all of the above
};

}  // namespace tokenbroker
