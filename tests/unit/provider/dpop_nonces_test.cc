#include "provider/dpop_nonces.h"

#include <string>

#include "gtest/gtest.h"

namespace tokenbroker::provider {
namespace {

HttpResponse With(std::vector<std::string> nonces) {
  HttpResponse response{.status = 400};
  for (std::string& nonce : nonces) response.headers.emplace_back("dpop-nonce", std::move(nonce));
  return response;
}

TEST(DpopNonces, AreKeptPerOrigin) {
  DpopNonces nonces;
  EXPECT_EQ(nonces.Find("https://op.example/token"), "");
  EXPECT_TRUE(nonces.Remember("https://op.example/token", With({"one"})));
  EXPECT_TRUE(nonces.Remember("https://api.op.example/userinfo", With({"two"})));
  for (const char* same :
       {"https://op.example/token", "https://OP.example:443/par?x=1", "HTTPS://op.example"}) {
    EXPECT_EQ(nonces.Find(same), "one") << same;
  }
  for (const char* other : {"http://op.example/token", "https://op.example:8443/token",
                            "https://op.example.evil/token", "no URL"}) {
    EXPECT_EQ(nonces.Find(other), "") << other;
  }
  EXPECT_EQ(nonces.Find("https://api.op.example/"), "two");
}

TEST(DpopNonces, GiveWayToNewerOnes) {
  DpopNonces nonces;
  nonces.Remember("https://op.example/token", With({"one"}));
  nonces.Remember("https://op.example/token", With({"two"}));
  EXPECT_FALSE(nonces.Remember("https://op.example/token", With({})));
  EXPECT_EQ(nonces.Find("https://op.example/token"), "two");
}

TEST(DpopNonces, AreNotTakenWhereTheyCouldBeMisread) {
  DpopNonces nonces;
  for (const auto& given : std::vector<std::vector<std::string>>{
           {"a", "b"}, {""}, {"with space"}, {"quote\""}, {"\x80"}, {std::string(1025, 'n')}}) {
    EXPECT_FALSE(nonces.Remember("https://op.example/token", With(given)));
  }
  EXPECT_EQ(nonces.Find("https://op.example/token"), "");
}

TEST(DpopNonces, DoNotPileUp) {
  DpopNonces nonces;
  for (int i = 0; i < 1000; ++i) {
    const std::string url = "https://op" + std::to_string(i) + ".example/token";
    nonces.Remember(url, With({"nonce"}));
    EXPECT_EQ(nonces.Find(url), "nonce");
  }
  EXPECT_EQ(nonces.Find("https://op0.example/token"), "");
}

}  // namespace
}  // namespace tokenbroker::provider
