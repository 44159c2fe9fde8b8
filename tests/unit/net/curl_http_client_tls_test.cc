#include <openssl/ssl.h>

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "net/curl_http_client.h"
#include "support/scripted_server.h"
#include "support/status_matchers.h"
#include "support/temp_dir.h"
#include "support/test_certificates.h"

namespace tokenbroker::testing {
namespace {

void AnswerOk(ScriptedPeer& peer) {
  peer.ReadHttpRequest();
  peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

CertificateOptions ForLocalhost() {
  CertificateOptions options;
  options.dns_names = {"localhost"};
  return options;
}

class CurlHttpClientTlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    HttpClientOptions options;
    options.address_policy.also_allowed = {AddressScope::kLoopback};
    auto client = CurlHttpClient::Create(runtime_, clock_, std::move(options));
    ASSERT_OK(client);
    client_ = *std::move(client);
    ca_file_ = files_.Write("ca.pem", authority_.certificate());
  }

  HttpRequest Request(const std::string& url) {
    HttpRequest request;
    request.method = "POST";
    request.url = url;
    request.body = Secret("a=b");
    request.deadline = clock_.Now() + absl::Seconds(30);
    request.tls.ca_file = ca_file_;
    return request;
  }

  absl::StatusOr<HttpResponse> Send(HttpRequest request) {
    return RunBlocking(runtime_, client_->Send(std::move(request)));
  }

  static std::string Localhost(const ScriptedServer& server) {
    return "https://localhost:" + std::to_string(server.port()) + "/";
  }

  SystemClock clock_;
  Runtime runtime_;
  std::unique_ptr<CurlHttpClient> client_;
  TempDir files_;
  TestAuthority authority_;
  std::string ca_file_;
};

TEST_F(CurlHttpClientTlsTest, TrustsACertificateForTheHost) {
  CertificateOptions options = ForLocalhost();
  options.ip_addresses = {"127.0.0.1"};
  ScriptedServer server(AnswerOk, {.certificate = authority_.Issue(options)});
  EXPECT_OK(Send(Request(Localhost(server))));
  EXPECT_OK(Send(Request(server.Url())));
}

struct CertificateCase {
  std::string name;
  PemPair certificate;
};

TEST_F(CurlHttpClientTlsTest, SendsNothingToAPeerThatDoesNotProveItsName) {
  const auto issue = [this](auto change) {
    CertificateOptions options = ForLocalhost();
    change(options);
    return authority_.Issue(options);
  };
  const CertificateCase cases[] = {
      {"another host", issue([](auto& o) { o.dns_names = {"example.com"}; })},
      {"common name only", issue([](auto& o) {
         o.dns_names = {};
         o.common_name = "localhost";
       })},
      {"common name beside another host", issue([](auto& o) {
         o.dns_names = {"example.com"};
         o.common_name = "localhost";
       })},
      {"NUL after the name",
       issue([](auto& o) { o.dns_names = {std::string("localhost\0.evil", 15)}; })},
      {"address only", issue([](auto& o) {
         o.dns_names = {};
         o.ip_addresses = {"127.0.0.1"};
       })},
      {"expired", issue([](auto& o) { o.not_after = -absl::Minutes(1); })},
      {"not yet valid", issue([](auto& o) { o.not_before = absl::Hours(1); })},
      {"self-signed", SelfSigned(ForLocalhost())},
      {"another authority", TestAuthority("other CA").Issue(ForLocalhost())},
  };
  for (const CertificateCase& test : cases) {
    std::string seen;
    {
      ScriptedServer server([&seen](ScriptedPeer& peer) { seen = peer.ReadHttpRequest(); },
                            {.certificate = test.certificate});
      const auto result = Send(Request(Localhost(server)));
      EXPECT_THAT(result, FailsWith(Reason::kProviderUnavailable)) << test.name;
      EXPECT_EQ(MetadataOf(result.status())["cause"], "tls") << test.name;
      EXPECT_EQ(DeliveryOf(result.status()), Delivery::kNotSent) << test.name;
      EXPECT_NE(MetadataOf(result.status())["tls_error"], "") << test.name;
    }
    EXPECT_EQ(seen, "") << test.name;
  }
}

TEST_F(CurlHttpClientTlsTest, DoesNotTrustTheTestAuthorityByDefault) {
  ScriptedServer server(AnswerOk, {.certificate = authority_.Issue(ForLocalhost())});
  HttpRequest request = Request(Localhost(server));
  request.tls.ca_file.reset();
  EXPECT_THAT(Send(std::move(request)), FailsWith(Reason::kProviderUnavailable));
}

TEST_F(CurlHttpClientTlsTest, RefusesTls11) {
  ScriptedServer server(AnswerOk, {.certificate = authority_.Issue(ForLocalhost()),
                                   .max_tls_version = TLS1_1_VERSION});
  const auto result = Send(Request(Localhost(server)));
  EXPECT_THAT(result, FailsWith(Reason::kProviderUnavailable));
  EXPECT_EQ(DeliveryOf(result.status()), Delivery::kNotSent);
}

TEST_F(CurlHttpClientTlsTest, ShowsItsClientCertificate) {
  ScriptedServer server(AnswerOk, {.certificate = authority_.Issue(ForLocalhost()),
                                   .client_ca = authority_.certificate()});
  EXPECT_THAT(Send(Request(Localhost(server))), FailsWith(Reason::kProviderUnavailable));
  CertificateOptions options;
  options.common_name = "client";
  const PemPair client = authority_.Issue(options);
  HttpRequest request = Request(Localhost(server));
  request.tls.client_certificate = ClientCertificate{files_.Write("client.pem", client.certificate),
                                                     files_.Write("client.key", client.key)};
  EXPECT_OK(Send(std::move(request)));
}

// A connection is reused for the certificate that it was made with, and for no other and none.
TEST_F(CurlHttpClientTlsTest, SharesNoConnectionBetweenCertificates) {
  std::mutex mutex;
  std::set<std::string> names_of_connection[16];
  ScriptedServer server(
      [&](ScriptedPeer& peer) {
        for (std::string request = peer.ReadHttpRequest(); !request.empty();
             request = peer.ReadHttpRequest()) {
          const std::string claimed = request.substr(request.find("\r\n\r\n") + 4);
          {
            const std::lock_guard lock(mutex);
            names_of_connection[peer.index()].insert(claimed);
          }
          const std::string name = peer.ClientName();
          peer.Send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(name.size()) +
                    "\r\n\r\n" + name);
        }
      },
      {.certificate = authority_.Issue(ForLocalhost()), .client_ca = authority_.certificate()});
  const auto certificate = [this](const std::string& name) {
    CertificateOptions options;
    options.common_name = name;
    const PemPair pair = authority_.Issue(options);
    return ClientCertificate{files_.Write(name + ".pem", pair.certificate),
                             files_.Write(name + ".key", pair.key)};
  };
  const std::pair<std::string, ClientCertificate> clients[] = {{"alice", certificate("alice")},
                                                               {"bob", certificate("bob")}};
  for (int round = 0; round < 3; ++round) {
    for (const auto& [name, files] : clients) {
      HttpRequest request = Request(Localhost(server));
      request.body = Secret(name);
      request.tls.client_certificate = files;
      ASSERT_OK_AND_ASSIGN(const HttpResponse response, Send(std::move(request)));
      EXPECT_EQ(response.body.Reveal(), name);
    }
    // With no certificate there is no connection to be had here.
    EXPECT_THAT(Send(Request(Localhost(server))), FailsWith(Reason::kProviderUnavailable));
  }
  const std::lock_guard lock(mutex);
  for (const auto& names : names_of_connection) EXPECT_LE(names.size(), 1u);
}

TEST_F(CurlHttpClientTlsTest, ShowsACertificateThatTookTheOldOnesPlace) {
  ScriptedServer server(
      [](ScriptedPeer& peer) {
        peer.ReadHttpRequest();
        const std::string name = peer.ClientName();
        peer.Send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
                  std::to_string(name.size()) + "\r\n\r\n" + name);
      },
      {.certificate = authority_.Issue(ForLocalhost()), .client_ca = authority_.certificate()});
  for (const std::string name : {"before", "after"}) {
    CertificateOptions options;
    options.common_name = name;
    const PemPair pair = authority_.Issue(options);
    HttpRequest request = Request(Localhost(server));
    request.tls.client_certificate = ClientCertificate{files_.Write("tls.crt", pair.certificate),
                                                       files_.Write("tls.key", pair.key)};
    ASSERT_OK_AND_ASSIGN(const HttpResponse response, Send(std::move(request)));
    EXPECT_EQ(response.body.Reveal(), name);
  }
}

TEST_F(CurlHttpClientTlsTest, SaysThatItsOwnFilesCannotBeUsed) {
  ScriptedServer server(AnswerOk, {.certificate = authority_.Issue(ForLocalhost())});
  HttpRequest missing_ca = Request(Localhost(server));
  missing_ca.tls.ca_file = files_.path() + "/missing.pem";
  EXPECT_THAT(Send(std::move(missing_ca)), FailsWith(Reason::kProviderMisconfigured));
  HttpRequest missing_key = Request(Localhost(server));
  missing_key.tls.client_certificate = ClientCertificate{ca_file_, files_.path() + "/missing.key"};
  EXPECT_THAT(Send(std::move(missing_key)), FailsWith(Reason::kProviderMisconfigured));
}

}  // namespace
}  // namespace tokenbroker::testing
