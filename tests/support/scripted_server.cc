#include "support/scripted_server.h"

#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace tokenbroker::testing {
namespace {

template <typename Read>
auto FromPem(const std::string& pem, Read read) {
  BIO* memory = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  auto* result = read(memory, nullptr, nullptr, nullptr);
  BIO_free(memory);
  if (result == nullptr) std::abort();
  return result;
}

SSL_CTX* NewServerContext(const ScriptedServerOptions& options) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  X509* certificate = FromPem(options.certificate->certificate, PEM_read_bio_X509);
  EVP_PKEY* key = FromPem(options.certificate->key, PEM_read_bio_PrivateKey);
  SSL_CTX_use_certificate(context, certificate);
  SSL_CTX_use_PrivateKey(context, key);
  X509_free(certificate);
  EVP_PKEY_free(key);
  if (options.max_tls_version != 0) {
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, options.max_tls_version);
  }
  if (!options.client_ca.empty()) {
    X509* authority = FromPem(options.client_ca, PEM_read_bio_X509);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority);
    X509_free(authority);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return context;
}

}  // namespace

struct ScriptedPeer::Tls {
  SSL_CTX* context = nullptr;
  SSL* session = nullptr;
  ~Tls() {
    SSL_free(session);
    SSL_CTX_free(context);
  }
};

ScriptedPeer::ScriptedPeer(int socket, int index) : socket_(socket), index_(index) {}

ScriptedPeer::~ScriptedPeer() {
  if (tls_ != nullptr) SSL_shutdown(tls_->session);
}

bool ScriptedPeer::Fill() {
  char buffer[4096];
  const std::ptrdiff_t count = ReadSome(buffer, sizeof buffer);
  if (count <= 0) return false;
  unread_.append(buffer, static_cast<std::size_t>(count));
  return true;
}

std::ptrdiff_t ScriptedPeer::ReadSome(char* data, std::size_t size) {
  if (tls_ != nullptr) return SSL_read(tls_->session, data, static_cast<int>(size));
  return recv(socket_, data, size, 0);
}

std::string ScriptedPeer::ReadUntil(std::string_view mark) {
  std::size_t found = 0;
  while ((found = unread_.find(mark)) == std::string::npos) {
    if (!Fill()) return std::exchange(unread_, {});
  }
  return ReadBytes(found + mark.size());
}

std::string ScriptedPeer::ReadBytes(std::size_t count) {
  while (unread_.size() < count && Fill()) {
  }
  std::string bytes = unread_.substr(0, count);
  unread_.erase(0, bytes.size());
  return bytes;
}

std::string ScriptedPeer::ReadHttpRequest() {
  std::string request = ReadUntil("\r\n\r\n");
  const std::string lower = absl::AsciiStrToLower(request);
  const auto field = lower.find("\r\ncontent-length:");
  std::size_t length = 0;
  if (field != std::string::npos) {
    const auto start = field + std::strlen("\r\ncontent-length:");
    if (!absl::SimpleAtoi(lower.substr(start, lower.find('\r', start) - start), &length)) return {};
  }
  return request + ReadBytes(length);
}

void ScriptedPeer::WaitForClose() {
  while (Fill()) unread_.clear();
}

std::string ScriptedPeer::ClientName() const {
  X509* certificate = tls_ != nullptr ? SSL_get1_peer_certificate(tls_->session) : nullptr;
  if (certificate == nullptr) return "";
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int entry = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  std::string name;
  if (entry >= 0) {
    const ASN1_STRING* text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, entry));
    name.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                static_cast<std::size_t>(ASN1_STRING_length(text)));
  }
  X509_free(certificate);
  return name;
}

bool ScriptedPeer::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::ptrdiff_t sent =
        tls_ != nullptr ? SSL_write(tls_->session, bytes.data(), static_cast<int>(bytes.size()))
                        : send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void ScriptedPeer::Reset() {
  const linger at_once = {1, 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  // The server closes the socket when the script returns; that is what sends the reset.
}

ScriptedServer::ScriptedServer(Script script, ScriptedServerOptions options)
    : script_(std::move(script)), options_(std::move(options)) {
  // OpenSSL writes to its sockets without MSG_NOSIGNAL.
  std::signal(SIGPIPE, SIG_IGN);
  if (options_.unix_path) {
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    options_.unix_path->copy(address.sun_path, sizeof address.sun_path - 1);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
  } else {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0) std::abort();
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  if (listen(listener_, 128) != 0) std::abort();
  acceptor_ = std::thread([this] { Accept(); });
}

ScriptedServer::~ScriptedServer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const int open : open_) shutdown(open, SHUT_RDWR);
  }
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  for (auto& thread : threads_) thread.join();
  close(listener_);
}

std::string ScriptedServer::Url(std::string_view path) const {
  return (options_.certificate ? "https://127.0.0.1:" : "http://127.0.0.1:") +
         std::to_string(port_) + std::string(path);
}

int ScriptedServer::connections() const {
  const std::lock_guard lock(mutex_);
  return connections_;
}

void ScriptedServer::WaitForConnections(int count) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return connections_ >= count; });
}

void ScriptedServer::Accept() {
  int index = 0;
  while (true) {
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const std::lock_guard lock(mutex_);
    if (socket < 0 || stopping_) {
      if (socket >= 0) close(socket);
      return;
    }
    open_.push_back(socket);
    threads_.emplace_back([this, socket, index] { Serve(socket, index); });
    ++index;
  }
}

void ScriptedServer::Serve(int socket, int index) {
  {
    ScriptedPeer peer(socket, index);
    bool accepted = true;
    if (options_.certificate) {
      peer.tls_ = std::make_unique<ScriptedPeer::Tls>();
      peer.tls_->context = NewServerContext(options_);
      peer.tls_->session = SSL_new(peer.tls_->context);
      SSL_set_fd(peer.tls_->session, socket);
      accepted = SSL_accept(peer.tls_->session) == 1;
    }
    if (accepted) {
      {
        const std::lock_guard lock(mutex_);
        ++connections_;
      }
      changed_.notify_all();
      script_(peer);
    }
    ERR_clear_error();
  }
  const std::lock_guard lock(mutex_);
  open_.remove(socket);
  close(socket);
}

}  // namespace tokenbroker::testing
