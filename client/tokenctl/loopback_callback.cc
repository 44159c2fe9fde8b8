#include "loopback_callback.h"

#include <httplib.h>

#include <future>
#include <mutex>
#include <regex>
#include <thread>
#include <utility>

namespace tokenbroker::tokenctl {
namespace {

constexpr char kThanks[] =
    "<!doctype html><meta charset=utf-8><title>Token Broker</title>"
    "<p>Received. You can close this page and go back to the terminal.";

}  // namespace

struct LoopbackCallback::Page {
  httplib::Server server;
  std::thread thread;
  std::promise<ReceivedCallback> received;
  std::once_flag first;

  void Take(ReceivedCallback callback, httplib::Response& response) {
    response.set_content(kThanks, "text/html");
    response.set_header("Cache-Control", "no-store");
    std::call_once(first, [&] { received.set_value(std::move(callback)); });
  }
};

std::unique_ptr<LoopbackCallback> LoopbackCallback::Listen(const std::string& redirect_uri,
                                                           std::string& fault) {
  static const std::regex kLoopback(
      R"(http://(127\.0\.0\.1|localhost|\[::1\]):([0-9]{1,5})(/[^?#]*)?)");
  std::smatch parts;
  if (!std::regex_match(redirect_uri, parts, kLoopback)) {
    fault = "the redirect URI must be http on 127.0.0.1, localhost or [::1], with a port";
    return nullptr;
  }
  const std::string path = parts[3].length() == 0 ? "/" : parts[3].str();
  auto page = std::make_unique<Page>();
  page->server.Post(path,
                    [p = page.get()](const httplib::Request& request, httplib::Response& response) {
                      p->Take({.form_body = request.body, .redirect_url = ""}, response);
                    });
  page->server.Get(path, [p = page.get(), redirect_uri](const httplib::Request& request,
                                                        httplib::Response& response) {
    const auto query = request.target.find('?');
    if (query == std::string::npos) {
      response.status = 400;
      return;
    }
    p->Take({.form_body = "", .redirect_url = redirect_uri + request.target.substr(query)},
            response);
  });
  const std::string host = parts[1] == "[::1]" ? "::1" : "127.0.0.1";
  if (!page->server.bind_to_port(host, std::stoi(parts[2]))) {
    fault = "cannot listen on " + host + ":" + parts[2].str() + "; is it in use?";
    return nullptr;
  }
  page->thread = std::thread([p = page.get()] { p->server.listen_after_bind(); });
  return std::unique_ptr<LoopbackCallback>(new LoopbackCallback(std::move(page)));
}

LoopbackCallback::LoopbackCallback(std::unique_ptr<Page> page) : page_(std::move(page)) {}

LoopbackCallback::~LoopbackCallback() {
  while (!page_->server.is_running()) std::this_thread::yield();
  page_->server.stop();
  page_->thread.join();
}

std::optional<ReceivedCallback> LoopbackCallback::Await(std::chrono::seconds patience) {
  auto received = page_->received.get_future();
  if (received.wait_for(patience) != std::future_status::ready) return std::nullopt;
  return received.get();
}

}  // namespace tokenbroker::tokenctl
