#include "rpc/server_credentials.h"

#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "support/status_matchers.h"
#include "support/temp_dir.h"
#include "support/test_certificates.h"

namespace tokenbroker::rpc {
namespace {

using testing::FailsWith;

TEST(ServerCredentials, KnowsLocalAddresses) {
  for (const char* address : {"127.0.0.1:7070", "127.8.9.10:0", "[::1]:7070", "localhost:7070",
                              "unix:/run/token-broker.sock"}) {
    EXPECT_TRUE(IsLocalAddress(address)) << address;
  }
  for (const char* address :
       {"0.0.0.0:7070", "[::]:7070", "10.0.0.1:7070", "broker.example.com:7070",
        "localhost.example.com:7070", "127.0.0.1.example.com:1", "127.0.0.1", "", ":7070"}) {
    EXPECT_FALSE(IsLocalAddress(address)) << address;
  }
}

TEST(ServerCredentials, ServePlaintextOnThisMachineOnly) {
  EXPECT_OK(MakeServerCredentials("127.0.0.1:0", nullptr));
  EXPECT_THAT(MakeServerCredentials("0.0.0.0:7070", nullptr), FailsWith(Reason::kInvalidRequest));
}

TEST(ServerIdentities, AreRefusedWhereFilesAreMissingOrDoNotBelongTogether) {
  const testing::TempDir files;
  const testing::TestAuthority authority;
  const auto pair = authority.Issue({.dns_names = {"broker.example"}});
  const auto other = authority.Issue({.dns_names = {"broker.example"}});
  const std::string certificate = files.Write("tls.crt", pair.certificate);
  const std::string key = files.Write("tls.key", pair.key);
  const std::string ca = files.Write("ca.crt", authority.certificate());
  const std::string missing = files.path() + "/missing";
  const struct {
    const char* name;
    ServerTls tls;
    bool is_good = false;
  } tests[] = {
      {"whole", {certificate, key}, true},
      {"whole, with a client CA", {certificate, key, ca, ClientCertificates::kRequired}, true},
      {"no certificate", {missing, key}},
      {"no key", {certificate, missing}},
      {"a key for a certificate", {key, key}},
      {"a certificate for a key", {certificate, certificate}},
      {"another's key", {certificate, files.Write("other.key", other.key)}},
      {"no client CA", {certificate, key, std::nullopt, ClientCertificates::kOptional}},
      {"a missing client CA", {certificate, key, missing, ClientCertificates::kRequired}},
      {"a client CA that is a key", {certificate, key, key, ClientCertificates::kRequired}},
  };
  for (const auto& test : tests) {
    const auto read = ServerIdentity::Read(test.tls);
    if (test.is_good) {
      EXPECT_OK(read) << test.name;
    } else {
      EXPECT_THAT(read, FailsWith(Reason::kInvalidRequest)) << test.name;
    }
  }
}

}  // namespace
}  // namespace tokenbroker::rpc
