#include "rpc/server_credentials.h"

#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "support/status_matchers.h"

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
  EXPECT_OK(MakeServerCredentials("127.0.0.1:0", std::nullopt));
  EXPECT_THAT(MakeServerCredentials("0.0.0.0:7070", std::nullopt),
              FailsWith(Reason::kInvalidRequest));
}

TEST(ServerCredentials, RefuseFilesThatCannotBeRead) {
  EXPECT_THAT(MakeServerCredentials("0.0.0.0:7070", ServerTls{.certificate_file = "/no/such/file",
                                                              .private_key_file = "/no/such/key"}),
              FailsWith(Reason::kInvalidRequest));
}

}  // namespace
}  // namespace tokenbroker::rpc
