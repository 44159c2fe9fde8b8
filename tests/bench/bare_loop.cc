#include "bench/bare_loop.h"

#include <curl/curl.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

namespace tokenbroker::bench {
namespace {

constexpr char kBody[] =
    "grant_type=refresh_token&refresh_token=another-refresh-token-of-usual-length-0123456789";

std::size_t Keep(char* bytes, std::size_t size, std::size_t count, void* text) {
  static_cast<std::string*>(text)->append(bytes, size * count);
  return size * count;
}

// One of the requests in flight, made again and again.
struct Lane {
  CURL* easy = curl_easy_init();
  std::string answer;

  Lane(const std::string& url, curl_slist* headers) {
    curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, kBody);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, Keep);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, this);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  }
  ~Lane() { curl_easy_cleanup(easy); }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
};

}  // namespace

std::uint64_t RunBareLoop(const std::string& url, std::size_t in_flight, double seconds) {
  CURLM* multi = curl_multi_init();
  curl_slist* headers = curl_slist_append(nullptr, "authorization: Basic YnJva2VyOnNlY3JldA==");
  headers = curl_slist_append(headers, "accept: application/json");
  std::vector<std::unique_ptr<Lane>> lanes;
  for (std::size_t i = 0; i < in_flight; ++i) {
    lanes.push_back(std::make_unique<Lane>(url, headers));
    curl_multi_add_handle(multi, lanes.back()->easy);
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  std::uint64_t answered = 0;
  while (std::chrono::steady_clock::now() < end) {
    int running = 0;
    curl_multi_perform(multi, &running);
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
      Lane* lane = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &lane);
      if (message->data.result != CURLE_OK || lane->answer.empty()) {
        std::fprintf(stderr, "a request failed: %s\n", curl_easy_strerror(message->data.result));
        std::exit(1);
      }
      ++answered;
      lane->answer.clear();
      curl_multi_remove_handle(multi, lane->easy);
      curl_multi_add_handle(multi, lane->easy);
    }
    curl_multi_poll(multi, nullptr, 0, 100, nullptr);
  }
  for (const auto& lane : lanes) curl_multi_remove_handle(multi, lane->easy);
  lanes.clear();
  curl_multi_cleanup(multi);
  curl_slist_free_all(headers);
  return answered;
}

}  // namespace tokenbroker::bench
