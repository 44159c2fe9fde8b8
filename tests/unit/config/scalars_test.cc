#include "config/scalars.h"

#include <array>
#include <optional>
#include <string_view>

#include "config/response_types.h"
#include "config/uri.h"
#include "gtest/gtest.h"

namespace tokenbroker::config {
namespace {

TEST(DurationText, IsReadWithItsUnits) {
  EXPECT_EQ(ParseDuration("90s"), absl::Seconds(90));
  EXPECT_EQ(ParseDuration("500ms"), absl::Milliseconds(500));
  EXPECT_EQ(ParseDuration("10m"), absl::Minutes(10));
  EXPECT_EQ(ParseDuration("1h30m"), absl::Minutes(90));
  EXPECT_EQ(ParseDuration("30d"), absl::Hours(720));
  EXPECT_EQ(ParseDuration("1d2h3m4s5ms"),
            absl::Hours(26) + absl::Minutes(3) + absl::Seconds(4) + absl::Milliseconds(5));
  EXPECT_EQ(ParseDuration("0s"), absl::ZeroDuration());
}

TEST(DurationText, IsRefusedInEveryOtherForm) {
  for (const std::string_view text :
       {"", "90", "s", "-1s", "+1s", "1.5h", "1 s", "1s ", "1m1h", "1s1s", "1S", "1y", "1us",
        "99999999999999999999s", "36501d", "36500d1ms", "18446744073709551615d"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

TEST(SizeText, IsReadWithItsUnit) {
  EXPECT_EQ(ParseSize("0"), 0u);
  EXPECT_EQ(ParseSize("1024"), 1024u);
  EXPECT_EQ(ParseSize("64KiB"), 65536u);
  EXPECT_EQ(ParseSize("2MiB"), 2097152u);
  EXPECT_EQ(ParseSize("1GiB"), 1073741824u);
  for (const std::string_view text : {"", "KiB", "-1", "1KB", "1 KiB", "1.5MiB", "1kib",
                                      "99999999999999999999", "18446744073709551615KiB"}) {
    EXPECT_EQ(ParseSize(text), std::nullopt) << text;
  }
}

TEST(PlainScalar, IsTextUnlessYamlSaysOtherwise) {
  for (const std::string_view text :
       {"", "~", "null", "true", "False", "0", "-1", "+1", "0x1F", "0o17", "1.5", "1.", ".5",
        "1e10", "1.5E-3", ".inf", ".NaN"}) {
    EXPECT_TRUE(MeaningOtherThanText(text)) << text;
  }
  for (const std::string_view text :
       {"yes", "no", "a", "1a", "0x", "0xg", "2026-01", "1.2.3", "e10", ".", "1e", "-", "tRue"}) {
    EXPECT_FALSE(MeaningOtherThanText(text)) << text;
  }
}

TEST(NearestWord, IsTheOneThatWasProbablyMeant) {
  constexpr std::array<std::string_view, 3> kWords = {"issuer", "endpoints", "discovery"};
  EXPECT_EQ(NearestWord("isuser", kWords), "issuer");
  EXPECT_EQ(NearestWord("endpoint", kWords), "endpoints");
  EXPECT_EQ(NearestWord("zzz", kWords), std::nullopt);
}

TEST(ResponseType, IsOneOfFourInAnyOrder) {
  EXPECT_EQ(CanonicalResponseType("code"), "code");
  EXPECT_EQ(CanonicalResponseType("id_token code"), "code id_token");
  EXPECT_EQ(CanonicalResponseType("token code"), "code token");
  EXPECT_EQ(CanonicalResponseType("token id_token code"), "code id_token token");
  for (const std::string_view text :
       {"", "token", "id_token", "id_token token", "code code", "code  token", " code", "code ",
        "none", "code none", "CODE"}) {
    EXPECT_EQ(CanonicalResponseType(text), std::nullopt) << text;
  }
}

TEST(UriText, IsTakenApart) {
  const auto uri = ParseUri("HTTPS://Me@Example.com:8443/a/b?c=d#e");
  ASSERT_TRUE(uri);
  EXPECT_EQ(uri->scheme, "https");
  EXPECT_EQ(uri->user_information, "Me@");
  EXPECT_EQ(uri->host, "example.com");
  EXPECT_EQ(uri->port, "8443");
  EXPECT_EQ(uri->path, "/a/b");
  EXPECT_TRUE(uri->has_query);
  EXPECT_TRUE(uri->has_fragment);
  EXPECT_EQ(ParseUri("http://[::1]:1/")->host, "::1");
  for (const std::string_view text :
       {"", "a", "/a", "//a/b", "https:", "https:///a", "https://", "https://a b/", "https://a/%zz",
        "https://a/%2", "https://a:99999/", "https://a:x/", "https://[::1/", "https://[zz]/",
        "1https://a/", "https://a\\b/", "https://a..b/", "mailto:a@b", "https://\xc3\xbc/"}) {
    EXPECT_FALSE(ParseUri(text)) << text;
  }
}

TEST(Loopback, IsRecognised) {
  for (const std::string_view host :
       {"localhost", "a.localhost", "127.0.0.1", "127.1.2.3", "::1"}) {
    EXPECT_TRUE(IsLoopbackHost(host)) << host;
  }
  for (const std::string_view host : {"", "0.0.0.0", "::", "10.0.0.1", "example.com",
                                      "127.0.0.1.example.com", "localhost.com", "127.1"}) {
    EXPECT_FALSE(IsLoopbackHost(host)) << host;
  }
}

TEST(AddressText, IsAHostWithAPortOrASocket) {
  EXPECT_EQ(ParseAddress("a.example:80")->host, "a.example");
  EXPECT_EQ(ParseAddress("a.example:80")->port, 80);
  EXPECT_EQ(ParseAddress("[::1]:0")->host, "::1");
  EXPECT_EQ(ParseAddress("unix:/run/a.sock")->unix_path, "/run/a.sock");
  for (const std::string_view text : {"", "a", "a:", ":1", "a:65536", "::1:1", "unix:a",
                                      "unix:", "unix:/", "http://a:1", "a:1/", "a:-1"}) {
    EXPECT_FALSE(ParseAddress(text)) << text;
  }
  EXPECT_FALSE(ParseAddress("unix:/" + std::string(107, 'a')));
}

TEST(AddressBlock, IsAnAddressWithOrWithoutALength) {
  for (const std::string_view text : {"10.0.0.1", "10.0.0.0/8", "fd00::/8", "::1", "0.0.0.0/0"}) {
    EXPECT_TRUE(IsAddressBlock(text)) << text;
  }
  for (const std::string_view text : {"", "10.0.0", "10.0.0.0/33", "fd00::/129", "10.0.0.0/",
                                      "10.0.0.0/a", "example.com", "/8"}) {
    EXPECT_FALSE(IsAddressBlock(text)) << text;
  }
}

}  // namespace
}  // namespace tokenbroker::config
