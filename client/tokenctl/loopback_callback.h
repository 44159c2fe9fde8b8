// The redirect URI of a command line: a page on this machine that takes one authorization response
// (RFC 8252 section 7.3).
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace tokenbroker::tokenctl {

// What the browser brought: exactly one of the two.
struct ReceivedCallback {
  std::string form_body;
  std::string redirect_url;
};

class LoopbackCallback {
 public:
  // Listens where `redirect_uri` points to: http, a loopback address, a port. Nothing where that is
  // not so or the port is taken, with `fault` saying why.
  static std::unique_ptr<LoopbackCallback> Listen(const std::string& redirect_uri,
                                                  std::string& fault);
  ~LoopbackCallback();

  // The first authorization response that comes in, or nothing after `patience`. The browser gets a
  // page that says to go back to the terminal.
  std::optional<ReceivedCallback> Await(std::chrono::seconds patience);

 private:
  struct Page;
  explicit LoopbackCallback(std::unique_ptr<Page> page);

  std::unique_ptr<Page> page_;
};

}  // namespace tokenbroker::tokenctl
