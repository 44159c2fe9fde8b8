#include "net/stream.h"

#include <openssl/ssl.h>
#include <sys/socket.h>

#include <chrono>
#include <utility>
#include <vector>

#include "asio/generic/stream_protocol.hpp"
#include "asio/ip/tcp.hpp"
#include "asio/local/stream_protocol.hpp"
#include "asio/read.hpp"
#include "asio/redirect_error.hpp"
#include "asio/ssl/context.hpp"
#include "asio/ssl/stream.hpp"
#include "asio/steady_timer.hpp"
#include "asio/this_coro.hpp"
#include "asio/use_awaitable.hpp"
#include "asio/write.hpp"
#include "base/error.h"
#include "base/status_macros.h"
#include "net/delivery.h"

namespace tokenbroker {
namespace {

using Socket = asio::generic::stream_protocol::socket;
using TlsStream = asio::ssl::stream<Socket>;

absl::Status ConnectError(std::string_view cause) {
  return WithDelivery(Error(Reason::kStoreUnavailable), Delivery::kNotSent, cause);
}

template <typename Layer>
class LayeredStream final : public Stream {
 public:
  explicit LayeredStream(std::unique_ptr<Layer> layer) : layer_(std::move(layer)) {}

  Task<std::size_t> ReadSome(asio::mutable_buffer into) override {
    asio::error_code error;
    const std::size_t count =
        co_await layer_->async_read_some(into, asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return Closed();
    co_return count;
  }

  StatusTask Write(asio::const_buffer bytes, std::size_t& written) override {
    asio::error_code error;
    written = co_await asio::async_write(*layer_, bytes,
                                         asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return Closed();
    co_return absl::OkStatus();
  }

  void Close() override {
    asio::error_code ignored;
    layer_->lowest_layer().close(ignored);
  }

 private:
  static absl::Status Closed() {
    return WithDelivery(Error(Reason::kStoreUnavailable), Delivery::kUnknown, "closed");
  }

  const std::unique_ptr<Layer> layer_;
};

// Closes a socket when time is up.
class Watchdog {
 public:
  Watchdog(Socket& socket, absl::Duration timeout)
      : timer_(socket.get_executor()), expired_(std::make_shared<bool>(false)) {
    timer_.expires_after(absl::ToChronoNanoseconds(timeout));
    timer_.async_wait([&socket, expired = expired_](asio::error_code cancelled) {
      // The watchdog, and the socket, may be gone although the timer had fired; then this is the
      // last reference.
      if (cancelled || expired.use_count() == 1) return;
      *expired = true;
      asio::error_code ignored;
      socket.close(ignored);
    });
  }

  bool expired() const { return *expired_; }

 private:
  asio::steady_timer timer_;
  std::shared_ptr<bool> expired_;
};

asio::awaitable<bool> ConnectTo(Socket& socket, asio::generic::stream_protocol::endpoint address) {
  asio::error_code error;
  socket.close(error);
  co_await socket.async_connect(address, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return false;
  if (address.protocol().family() != AF_UNIX) {
    asio::error_code ignored;
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
  }
  co_return true;
}

Task<std::vector<asio::generic::stream_protocol::endpoint>> Resolve(TcpEndpoint endpoint) {
  asio::ip::tcp::resolver resolver(co_await asio::this_coro::executor);
  asio::error_code error;
  const auto results =
      co_await resolver.async_resolve(endpoint.host, std::to_string(endpoint.port),
                                      asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return ConnectError("dns");
  std::vector<asio::generic::stream_protocol::endpoint> addresses;
  for (const auto& result : results) addresses.emplace_back(result.endpoint());
  co_return addresses;
}

absl::StatusOr<asio::ssl::context> TlsContext(const TlsClientOptions& options) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  asio::error_code error;
  context.set_verify_mode(asio::ssl::verify_peer, error);
  if (!error && options.ca_file) context.load_verify_file(*options.ca_file, error);
  if (!error && !options.ca_file) context.set_default_verify_paths(error);
  if (!error && options.client_certificate) {
    const ClientCertificate& certificate = *options.client_certificate;
    context.use_certificate_chain_file(certificate.certificate_file, error);
    if (!error) context.use_private_key_file(certificate.key_file, asio::ssl::context::pem, error);
  }
  if (error) return ConnectError("tls_files");
  return context;
}

Task<std::shared_ptr<Stream>> ShakeHands(Socket socket, TcpEndpoint endpoint,
                                         absl::Duration timeout) {
  CO_ASSIGN_OR_RETURN(asio::ssl::context context, TlsContext(*endpoint.tls));
  auto tls = std::make_unique<TlsStream>(std::move(socket), context);
  SSL* const session = tls->native_handle();
  const std::string name = endpoint.server_name.value_or(endpoint.host);
  if (!RequirePeerName(SSL_get0_param(session), name)) co_return ConnectError("tls");
  asio::error_code not_an_address;
  asio::ip::make_address(name, not_an_address);
  // Server name indication is for names only (RFC 6066 section 3).
  if (not_an_address) SSL_set_tlsext_host_name(session, name.c_str());
  const Watchdog watchdog(tls->next_layer(), timeout);
  asio::error_code error;
  co_await tls->async_handshake(asio::ssl::stream_base::client,
                                asio::redirect_error(asio::use_awaitable, error));
  if (watchdog.expired()) co_return ConnectError("timeout");
  if (error) {
    const long result = SSL_get_verify_result(session);
    absl::Status status = ConnectError("tls");
    if (result == X509_V_OK) co_return status;
    co_return WithMetadata(std::move(status), "tls_error", X509_verify_cert_error_string(result));
  }
  co_return std::make_shared<LayeredStream<TlsStream>>(std::move(tls));
}

}  // namespace

Task<std::shared_ptr<Stream>> ConnectStream(StreamEndpoint endpoint, absl::Duration timeout) {
  const auto* const tcp = std::get_if<TcpEndpoint>(&endpoint);
  std::vector<asio::generic::stream_protocol::endpoint> addresses;
  if (tcp != nullptr) {
    CO_ASSIGN_OR_RETURN(addresses, co_await Resolve(*tcp));
  } else {
    const std::string& path = std::get<UnixEndpoint>(endpoint).path;
    // Asio throws where a path is longer than the system takes.
    if (path.size() >= sizeof(sockaddr_un::sun_path)) co_return ConnectError("connect");
    addresses.emplace_back(asio::local::stream_protocol::endpoint(path));
  }
  const auto end = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(timeout);
  const auto left = [end] { return absl::FromChrono(end - std::chrono::steady_clock::now()); };
  auto socket = std::make_unique<Socket>(co_await asio::this_coro::executor);
  bool connected = false;
  bool expired = false;
  for (std::size_t i = 0; i < addresses.size() && !connected; ++i) {
    // An address that swallows packets must leave some time for the others.
    const Watchdog watchdog(*socket, left() / static_cast<double>(addresses.size() - i));
    connected = co_await ConnectTo(*socket, addresses[i]);
    expired = watchdog.expired();
  }
  if (expired || !connected) co_return ConnectError(expired ? "timeout" : "connect");
  if (tcp != nullptr && tcp->tls) {
    co_return co_await ShakeHands(std::move(*socket), *tcp, left());
  }
  co_return std::make_shared<LayeredStream<Socket>>(std::move(socket));
}

}  // namespace tokenbroker
