// One connected byte stream: TCP, TLS over TCP, or a Unix socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "absl/time/time.h"
#include "asio/buffer.hpp"
#include "base/task.h"
#include "net/tls.h"

namespace tokenbroker {

struct TcpEndpoint {
  std::string host;  // a DNS name or an address
  std::uint16_t port = 0;
  std::optional<TlsClientOptions> tls = {};  // Default: plaintext.
  // What the server's certificate must name. Default: `host`.
  std::optional<std::string> server_name = {};
};

struct UnixEndpoint {
  std::string path;
};

using StreamEndpoint = std::variant<TcpEndpoint, UnixEndpoint>;

// One strand: the executor of the coroutine that connected it. One read and one write may be
// waiting at a time; both end when it is closed.
class Stream {
 public:
  virtual ~Stream() = default;

  // At least one byte. Errors: STORE_UNAVAILABLE, cause `closed`.
  virtual Task<std::size_t> ReadSome(asio::mutable_buffer into) = 0;

  // All of `bytes`, or an error and `written` says how many may have left. Borrows both.
  virtual StatusTask Write(asio::const_buffer bytes, std::size_t& written) = 0;

  virtual void Close() = 0;
};

// Resolves, connects and, where the endpoint says so, shakes hands, trying one address after the
// other. Errors: STORE_UNAVAILABLE with NOT_SENT and a cause: dns, connect, tls, tls_files,
// timeout. Must run on a strand. Resolving a name cannot be cut short by `timeout`; the rest is.
Task<std::shared_ptr<Stream>> ConnectStream(StreamEndpoint endpoint, absl::Duration timeout);

}  // namespace tokenbroker
