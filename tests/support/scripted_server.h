// A TCP (or TLS) server that says exactly what a test wants, at the moment it wants.
//
//   ScriptedServer server([](ScriptedPeer& peer) {
//     peer.ReadUntil("\r\n\r\n");
//     peer.Send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this");
//     peer.Reset();
//   });
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "support/test_certificates.h"

namespace tokenbroker::testing {

// One accepted connection; closed when the script returns. One thread.
class ScriptedPeer {
 public:
  ~ScriptedPeer();
  ScriptedPeer(const ScriptedPeer&) = delete;
  ScriptedPeer& operator=(const ScriptedPeer&) = delete;

  // Which connection of the server's this is, from 0.
  int index() const { return index_; }

  // Reads until what was read and not yet returned contains `mark`; returns up to its end, or what
  // came before the peer closed.
  std::string ReadUntil(std::string_view mark);
  // Reads exactly `count` bytes, fewer where the peer closed.
  std::string ReadBytes(std::size_t count);
  // Reads a header section and as much body as its Content-Length says; empty where the peer
  // closed.
  std::string ReadHttpRequest();
  // Waits until the other side closes, dropping what it sends.
  void WaitForClose();

  // With TLS, the subject's common name of the client's certificate; empty where none was shown.
  std::string ClientName() const;

  // False where the connection is gone.
  bool Send(std::string_view bytes);
  // Closes so that the other side gets a TCP reset.
  void Reset();

 private:
  friend class ScriptedServer;
  struct Tls;
  ScriptedPeer(int socket, int index);
  bool Fill();
  std::ptrdiff_t ReadSome(char* data, std::size_t size);

  int socket_;
  const int index_;
  std::unique_ptr<Tls> tls_;
  std::string unread_;
};

struct ScriptedServerOptions {
  std::optional<PemPair> certificate = {};  // speaks TLS where set
  std::string client_ca = {};  // PEM; with TLS, demands a client certificate of this CA
  int max_tls_version = 0;     // as in OpenSSL, TLS1_2_VERSION; 0 = no limit
  std::optional<std::string> unix_path = {};  // listens there instead of on 127.0.0.1
};

// Runs `script` for each connection, on a thread of its own. Thread-safe.
class ScriptedServer {
 public:
  using Script = std::function<void(ScriptedPeer&)>;

  explicit ScriptedServer(Script script, ScriptedServerOptions options = {});
  // Shuts every connection down and waits for the scripts.
  ~ScriptedServer();

  std::uint16_t port() const { return port_; }
  // "http://127.0.0.1:port" + path, or https with TLS.
  std::string Url(std::string_view path = "/") const;
  // Connections accepted so far; with TLS, those whose handshake went well.
  int connections() const;
  // Blocks until at least `count` connections were accepted.
  void WaitForConnections(int count);

 private:
  void Accept();
  void Serve(int socket, int index);

  const Script script_;
  const ScriptedServerOptions options_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<int> open_;
  std::list<std::thread> threads_;
  int connections_ = 0;
  bool stopping_ = false;
  std::thread acceptor_;
};

}  // namespace tokenbroker::testing
