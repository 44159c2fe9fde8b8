#include "net/curl_http_client.h"

#include <dlfcn.h>
#include <netdb.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/scripted_server.h"
#include "support/status_matchers.h"

namespace tokenbroker::testing {
namespace {

// A name server that does not answer: lookups of "slow.invalid" wait until they are let go.
class SlowLookups {
 public:
  void Wait() {
    std::unique_lock lock(mutex_);
    waiting_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return released_; });
  }
  void WaitUntilAsked() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_; });
  }
  void Release() {
    const std::lock_guard lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool waiting_ = false;
  bool released_ = false;
};

// Never destroyed: the thread of an abandoned lookup may still be in it.
SlowLookups& Lookups() {
  static auto* lookups = new SlowLookups;
  return *lookups;
}

}  // namespace
}  // namespace tokenbroker::testing

// Comes before the C library's own, for libcurl too.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints,
                           addrinfo** result) {
  if (node != nullptr && std::string_view(node) == "slow.invalid") {
    tokenbroker::testing::Lookups().Wait();
    return EAI_AGAIN;
  }
  using Function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto next = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "getaddrinfo"));
  return next(node, service, hints, result);
}

namespace tokenbroker::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Result = absl::StatusOr<HttpResponse>;

constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

void AnswerOk(ScriptedPeer& peer) {
  while (!peer.ReadHttpRequest().empty()) peer.Send(kOk);
}

HttpClientOptions LoopbackAllowed() {
  HttpClientOptions options;
  options.address_policy.also_allowed = {AddressScope::kLoopback};
  options.connect_timeout = absl::Seconds(20);
  return options;
}

std::string CauseOf(const absl::Status& status) { return MetadataOf(status)["cause"]; }

class CurlHttpClientTest : public ::testing::Test {
 protected:
  void SetUp() override { UseOptions(LoopbackAllowed()); }

  void UseOptions(HttpClientOptions options) {
    auto client = CurlHttpClient::Create(runtime_, clock_, std::move(options));
    ASSERT_OK(client);
    client_ = *std::move(client);
  }

  HttpRequest Get(std::string url) {
    HttpRequest request;
    request.url = std::move(url);
    request.deadline = clock_.Now() + absl::Seconds(30);
    return request;
  }

  HttpRequest Post(std::string url, std::string_view body) {
    HttpRequest request = Get(std::move(url));
    request.method = "POST";
    request.body = Secret(body);
    return request;
  }

  Result Send(HttpRequest request) {
    return RunBlocking(runtime_, client_->Send(std::move(request)));
  }

  std::shared_ptr<internal::BlockingResult<Result>> Start(HttpRequest request) {
    auto ended = std::make_shared<internal::BlockingResult<Result>>();
    runtime_.Spawn(internal::SetWhenDone(client_->Send(std::move(request)), ended));
    return ended;
  }

  // Sends a request to a server that answers it with `bytes` and closes.
  Result SendTo(std::string_view bytes) {
    ScriptedServer server([bytes](ScriptedPeer& peer) {
      peer.ReadHttpRequest();
      peer.Send(bytes);
    });
    return Send(Post(server.Url(), "a=b"));
  }

  SystemClock clock_;
  Runtime runtime_;
  std::unique_ptr<CurlHttpClient> client_;
};

TEST_F(CurlHttpClientTest, SendsTheRequestAsItIs) {
  std::string seen;
  ScriptedServer server([&seen](ScriptedPeer& peer) {
    seen = peer.ReadHttpRequest();
    peer.Send("HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: 4\r\n\r\nbusy");
  });
  HttpRequest request = Post(server.Url("/token?x=1"), "grant_type=refresh_token");
  request.headers.push_back({"Authorization", Secret("Basic Zm9v")});
  request.headers.push_back({"Content-Type", Secret("application/x-www-form-urlencoded")});
  request.headers.push_back({"X-Empty", Secret("")});
  ASSERT_OK_AND_ASSIGN(const HttpResponse response, Send(std::move(request)));
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.Header("retry-after"), "2");
  EXPECT_EQ(response.body.Reveal(), "busy");
  EXPECT_EQ(seen, absl::StrCat("POST /token?x=1 HTTP/1.1\r\nHost: 127.0.0.1:", server.port(),
                               "\r\nUser-Agent: token-broker\r\nAccept: */*\r\n"
                               "Authorization: Basic Zm9v\r\n"
                               "Content-Type: application/x-www-form-urlencoded\r\nX-Empty:\r\n"
                               "Content-Length: 24\r\n\r\ngrant_type=refresh_token"));
}

TEST_F(CurlHttpClientTest, SendsLargeBodiesWhole) {
  const std::string body(300'000, 'x');
  std::string seen;
  ScriptedServer server([&seen](ScriptedPeer& peer) {
    seen = peer.ReadHttpRequest();
    peer.Send(kOk);
  });
  HttpRequest request = Post(server.Url(), body);
  request.method = "PUT";
  ASSERT_OK(Send(std::move(request)));
  EXPECT_THAT(seen, StartsWith("PUT / HTTP/1.1\r\n"));
  EXPECT_THAT(seen, EndsWith(body));
}

TEST_F(CurlHttpClientTest, ReusesConnections) {
  ScriptedServer server(AnswerOk);
  for (int i = 0; i < 3; ++i) ASSERT_OK(Send(Get(server.Url())));
  ASSERT_OK(Send(Post(server.Url(), "a=b")));
  EXPECT_EQ(server.connections(), 1);
}

// On a new connection, and on one that was kept.
TEST_F(CurlHttpClientTest, SendsNothingThatMayNotLeaveAnyMore) {
  std::atomic<int> requests = 0;
  ScriptedServer server([&requests](ScriptedPeer& peer) {
    while (!peer.ReadHttpRequest().empty()) {
      ++requests;
      peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  });
  for (int sent = 0; sent < 3; ++sent) {
    HttpRequest withdrawn = Post(server.Url(), "a=b");
    withdrawn.may_leave = [] { return false; };
    const Result refused = Send(std::move(withdrawn));
    EXPECT_THAT(refused, FailsWith(Reason::kCancelled));
    EXPECT_EQ(CauseOf(refused.status()), "withdrawn");
    EXPECT_EQ(DeliveryOf(refused.status()), Delivery::kNotSent);
    EXPECT_EQ(requests, sent);
    HttpRequest timely = Post(server.Url(), "a=b");
    timely.may_leave = [] { return true; };
    EXPECT_OK(Send(std::move(timely)));
  }
}

TEST_F(CurlHttpClientTest, ReadsChunkedAnswers) {
  ASSERT_OK_AND_ASSIGN(const HttpResponse response,
                       SendTo("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                              "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
  EXPECT_EQ(response.body.Reveal(), "abcde");
}

TEST_F(CurlHttpClientTest, ReturnsRedirectsInsteadOfFollowingThem) {
  std::atomic<int> requests = 0;
  ScriptedServer server([&requests](ScriptedPeer& peer) {
    while (!peer.ReadHttpRequest().empty()) {
      ++requests;
      peer.Send("HTTP/1.1 307 Elsewhere\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n");
    }
  });
  ASSERT_OK_AND_ASSIGN(const HttpResponse response, Send(Get(server.Url())));
  EXPECT_EQ(response.status, 307);
  EXPECT_EQ(response.Header("location"), "/other");
  EXPECT_EQ(requests, 1);
}

TEST_F(CurlHttpClientTest, RefusesRequestsThatCannotBeSentAsTheyAre) {
  for (const char* url :
       {"", "example.com", "/path", "ftp://example.com/", "file:///etc/passwd",
        "gopher://example.com/", "https://user@example.com/", "https://a/#b", "https://a/b c",
        "https://a/\r\nX: y", "https://", "https://\xc3\xa4.de/"}) {
    EXPECT_THAT(Send(Get(url)), FailsWith(Reason::kInvalidRequest)) << url;
  }
  HttpRequest bad_method = Get("http://127.0.0.1/");
  bad_method.method = "GET / HTTP/1.1\r\n";
  EXPECT_THAT(Send(std::move(bad_method)), FailsWith(Reason::kInvalidRequest));
  HttpRequest bad_name = Get("http://127.0.0.1/");
  bad_name.headers.push_back({"X Y", Secret("z")});
  EXPECT_THAT(Send(std::move(bad_name)), FailsWith(Reason::kInvalidRequest));
  HttpRequest bad_value = Get("http://127.0.0.1/");
  bad_value.headers.push_back({"X", Secret("a\r\nY: b")});
  EXPECT_THAT(Send(std::move(bad_value)), FailsWith(Reason::kInvalidRequest));
}

TEST_F(CurlHttpClientTest, KnowsThatNothingWasSentWhereNobodyListens) {
  std::uint16_t port = 0;
  {
    const ScriptedServer gone(AnswerOk);
    port = gone.port();
  }
  const Result result = Send(Post(absl::StrCat("http://127.0.0.1:", port, "/?secret=1"), "a=b"));
  EXPECT_THAT(result, FailsWith(Reason::kProviderUnavailable));
  EXPECT_EQ(DeliveryOf(result.status()), Delivery::kNotSent);
  EXPECT_EQ(CauseOf(result.status()), "connect");
  EXPECT_THAT(result.status().ToString(), Not(HasSubstr("secret")));
}

TEST_F(CurlHttpClientTest, KnowsThatNothingWasSentWhereTheNameIsUnknown) {
  const Result result = Send(Post("http://does-not-exist.invalid/", "a=b"));
  EXPECT_THAT(result, FailsWith(Reason::kProviderUnavailable));
  EXPECT_EQ(DeliveryOf(result.status()), Delivery::kNotSent);
  EXPECT_EQ(CauseOf(result.status()), "dns");
}

TEST_F(CurlHttpClientTest, WaitsForNoNameServerBeyondTheDeadline) {
  ScriptedServer healthy(AnswerOk);
  HttpRequest request = Post("http://slow.invalid/", "a=b");
  request.deadline = clock_.Now() + absl::Milliseconds(300);
  auto ended = Start(std::move(request));
  Lookups().WaitUntilAsked();
  EXPECT_OK(Send(Get(healthy.Url())));
  const Result result = ended->Wait();
  EXPECT_THAT(result, FailsWith(Reason::kDeadlineExceeded));
  EXPECT_EQ(DeliveryOf(result.status()), Delivery::kNotSent);
  EXPECT_OK(Send(Get(healthy.Url())));
  Lookups().Release();
}

TEST_F(CurlHttpClientTest, RefusesAddressesThatThePolicyDoesNotAllow) {
  ScriptedServer server(AnswerOk);
  UseOptions({});
  for (const char* host : {"127.0.0.1", "localhost", "[::1]", "127.1", "2130706433"}) {
    const Result result = Send(Get(absl::StrCat("http://", host, ":", server.port(), "/")));
    EXPECT_THAT(result, FailsWith(Reason::kProviderUnavailable)) << host;
    EXPECT_EQ(CauseOf(result.status()), "address_refused") << host;
    EXPECT_EQ(DeliveryOf(result.status()), Delivery::kNotSent) << host;
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(CurlHttpClientTest, IgnoresProxiesOfTheEnvironment) {
  ScriptedServer server(AnswerOk);
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  const Result result = Send(Get(server.Url()));
  unsetenv("http_proxy");
  unsetenv("ALL_PROXY");
  EXPECT_OK(result);
}

struct AnswerCase {
  std::string name;
  std::string answer;
  Reason reason;
  std::string_view cause;
};

TEST_F(CurlHttpClientTest, RefusesAnswersThatBreakTheRules) {
  const std::string head = "HTTP/1.1 200 OK\r\n";
  std::string many_headers = head;
  for (int i = 0; i < 300; ++i) absl::StrAppend(&many_headers, "X-", i, ": y\r\n");
  std::string interim;
  for (int i = 0; i < 300; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
  const AnswerCase cases[] = {
      {"nothing at all", "", Reason::kProviderUnavailable, "reset"},
      {"not HTTP", "garbage", Reason::kProviderResponseInvalid, "malformed"},
      {"a status line alone", head, Reason::kProviderUnavailable, "reset"},
      {"headers without an end", head + "Content-Type: text/plain\r\n",
       Reason::kProviderUnavailable, "reset"},
      {"an interim response alone", "HTTP/1.1 100 Continue\r\n\r\n" + head,
       Reason::kProviderUnavailable, "reset"},
      {"Content-Length too large for the body", head + "Content-Length: 10\r\n\r\nabc",
       Reason::kProviderUnavailable, "reset"},
      {"Content-Length beyond the limit", head + "Content-Length: 1048577\r\n\r\nabc",
       Reason::kProviderResponseInvalid, "too_large"},
      {"negative Content-Length", head + "Content-Length: -1\r\n\r\nabc",
       Reason::kProviderResponseInvalid, "malformed"},
      {"Content-Length of 2^64", head + "Content-Length: 18446744073709551616\r\n\r\nabc",
       Reason::kProviderResponseInvalid, "malformed"},
      {"both framings (RFC 9112 6.3)",
       head + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
       Reason::kProviderResponseInvalid, "malformed"},
      {"endless body without a length", head + "\r\n" + std::string((1 << 20) + 1, 'x'),
       Reason::kProviderResponseInvalid, "too_large"},
      {"bad chunk size", head + "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
       Reason::kProviderUnavailable, "reset"},
      {"missing last chunk", head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
       Reason::kProviderUnavailable, "reset"},
      {"gzip that nobody asked for",
       head + "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
       Reason::kProviderResponseInvalid, "content_encoding"},
      {"one huge header", head + "X: " + std::string(2'000'000, 'y') + "\r\n\r\n",
       Reason::kProviderResponseInvalid, "too_large"},
      {"too many headers", many_headers + "\r\n", Reason::kProviderResponseInvalid, "too_large"},
      {"endless interim responses", interim, Reason::kProviderResponseInvalid, "too_large"},
  };
  for (const AnswerCase& test : cases) {
    const Result result = SendTo(test.answer);
    EXPECT_THAT(result, FailsWith(test.reason)) << test.name;
    EXPECT_EQ(CauseOf(result.status()), test.cause) << test.name;
    EXPECT_EQ(DeliveryOf(result.status()), Delivery::kUnknown) << test.name;
  }
}

TEST_F(CurlHttpClientTest, DoesNotReuseAConnectionWithBytesLeftOver) {
  ScriptedServer server([](ScriptedPeer& peer) {
    while (!peer.ReadHttpRequest().empty()) {
      peer.Send(
          "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
          "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    }
  });
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(const HttpResponse response, Send(Get(server.Url())));
    EXPECT_EQ(response.body.Reveal(), "ok");
  }
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(CurlHttpClientTest, DoesNotReuseAConnectionOnWhichThePeerSpokeUnasked) {
  absl::Notification answered;
  absl::Notification spoken;
  {
    ScriptedServer server([&](ScriptedPeer& peer) {
      if (peer.ReadHttpRequest().empty()) return;
      peer.Send(kOk);
      if (peer.index() > 0) return peer.WaitForClose();
      answered.WaitForNotification();
      peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
      spoken.Notify();
      peer.WaitForClose();
    });
    ASSERT_OK(Send(Get(server.Url())));
    answered.Notify();
    spoken.WaitForNotification();
    ASSERT_OK_AND_ASSIGN(const HttpResponse response, Send(Post(server.Url(), "second")));
    EXPECT_NE(response.body.Reveal(), "evil");
    EXPECT_EQ(server.connections(), 2);
  }
}

TEST_F(CurlHttpClientTest, NeverSendsABodyTwice) {
  // The second request goes out on the pooled connection, which the peer resets after reading it.
  std::mutex mutex;
  std::vector<std::string> requests;
  Result result;
  {
    ScriptedServer server([&](ScriptedPeer& peer) {
      const auto read = [&] {
        std::string request = peer.ReadHttpRequest();
        const std::lock_guard lock(mutex);
        if (!request.empty()) requests.push_back(request.substr(request.find("\r\n\r\n") + 4));
        return !request.empty();
      };
      if (peer.index() == 0 && read()) peer.Send(kOk);
      read();
      peer.Reset();
    });
    ASSERT_OK(Send(Post(server.Url(), "first")));
    result = Send(Post(server.Url(), "second"));
  }
  EXPECT_THAT(result, FailsWith(Reason::kProviderUnavailable));
  EXPECT_EQ(CauseOf(result.status()), "reset");
  EXPECT_EQ(DeliveryOf(result.status()), Delivery::kUnknown);
  EXPECT_THAT(requests, ElementsAre("first", "second"));
}

TEST_F(CurlHttpClientTest, EndsAtTheDeadlineHoweverSlowlyBytesCome) {
  ScriptedServer server([](ScriptedPeer& peer) {
    peer.ReadHttpRequest();
    peer.Send("HTTP/1.1 200 OK\r\nContent-Le");
    peer.WaitForClose();
  });
  HttpRequest request = Post(server.Url(), "a=b");
  request.deadline = clock_.Now() + absl::Milliseconds(200);
  const Result result = Send(std::move(request));
  EXPECT_THAT(result, FailsWith(Reason::kDeadlineExceeded));
  EXPECT_EQ(DeliveryOf(result.status()), Delivery::kUnknown);
}

TEST_F(CurlHttpClientTest, SendsNothingAfterTheDeadline) {
  ScriptedServer server(AnswerOk);
  HttpRequest request = Get(server.Url());
  request.deadline = clock_.Now() - absl::Seconds(1);
  const Result result = Send(std::move(request));
  EXPECT_THAT(result, FailsWith(Reason::kDeadlineExceeded));
  EXPECT_EQ(DeliveryOf(result.status()), Delivery::kNotSent);
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(CurlHttpClientTest, QueuesBeyondTheConnectionsOfAHostButNotOtherHosts) {
  HttpClientOptions options = LoopbackAllowed();
  options.max_connections_per_host = 2;
  UseOptions(std::move(options));
  ScriptedServer hanging([](ScriptedPeer& peer) { peer.WaitForClose(); });
  ScriptedServer healthy(AnswerOk);
  std::vector<std::shared_ptr<internal::BlockingResult<Result>>> results;
  for (int i = 0; i < 50; ++i) results.push_back(Start(Get(hanging.Url())));
  hanging.WaitForConnections(2);
  EXPECT_OK(Send(Get(healthy.Url())));
  EXPECT_EQ(hanging.connections(), 2);
  client_.reset();
  for (auto& result : results) EXPECT_THAT(result->Wait(), FailsWith(Reason::kShuttingDown));
}

TEST_F(CurlHttpClientTest, AbandonsTheTransferOfACancelledCoroutine) {
  internal::BlockingResult<bool> closed;
  ScriptedServer server([&closed](ScriptedPeer& peer) {
    peer.WaitForClose();
    closed.Set(true);
  });
  auto ended = std::make_shared<internal::BlockingResult<Result>>();
  const SpawnedTask task =
      runtime_.Spawn(internal::SetWhenDone(client_->Send(Post(server.Url(), "a=b")), ended));
  server.WaitForConnections(1);
  task.Cancel();
  EXPECT_THAT(ended->Wait(), FailsWith(Reason::kCancelled));
  closed.Wait();
}

TEST_F(CurlHttpClientTest, EndsTransfersInFlightWhenDestroyed) {
  ScriptedServer server([](ScriptedPeer& peer) { peer.WaitForClose(); });
  auto ended = Start(Post(server.Url(), "a=b"));
  server.WaitForConnections(1);
  client_.reset();
  EXPECT_THAT(ended->Wait(), FailsWith(Reason::kShuttingDown));
}

TEST_F(CurlHttpClientTest, IsDestroyedSafelyAfterItsRuntimeStopped) {
  ScriptedServer server([](ScriptedPeer& peer) { peer.WaitForClose(); });
  Start(Post(server.Url(), "a=b"));
  server.WaitForConnections(1);
  runtime_.Stop();
  client_.reset();
}

}  // namespace
}  // namespace tokenbroker::testing
