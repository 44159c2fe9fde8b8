#include "base/base64url.h"

#include <string>

#include "base/random.h"
#include "gmock/gmock.h"

namespace tokenbroker {
namespace {

using ::testing::Eq;
using ::testing::Optional;

struct Vector {
  std::string bytes;
  std::string text;
};

// RFC 4648 section 10 without padding, and the example of RFC 7515 appendix C.
const Vector kVectors[] = {
    {"", ""},
    {"f", "Zg"},
    {"fo", "Zm8"},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg"},
    {"fooba", "Zm9vYmE"},
    {"foobar", "Zm9vYmFy"},
    {std::string("\x03\xec\xff\xe0\xc1", 5), "A-z_4ME"},
};

TEST(Base64Url, EncodesTheExamplesOfTheRfcs) {
  for (const auto& [bytes, text] : kVectors) EXPECT_EQ(Base64UrlEncode(bytes), text);
}

TEST(Base64Url, DecodesTheExamplesOfTheRfcs) {
  for (const auto& [bytes, text] : kVectors)
    EXPECT_THAT(Base64UrlDecode(text), Optional(Eq(bytes)));
}

TEST(Base64Url, RefusesWhatIsNotTheOneEncoding) {
  for (const char* text : {"Zg==", "Zm9v\n", " Zm9v", "Zm+v", "Zm/v", "Z", "Zm9vZ", "Zh", "Zm9"}) {
    EXPECT_EQ(Base64UrlDecode(text), std::nullopt) << text;
  }
}

TEST(Base64Url, ComesBackForEveryLength) {
  for (std::size_t size = 0; size < 70; ++size) {
    const std::string bytes = RandomBytes(size);
    EXPECT_THAT(Base64UrlDecode(Base64UrlEncode(bytes)), Optional(Eq(bytes)));
  }
}

TEST(Base64, PadsForHttpBasic) {
  EXPECT_EQ(Base64Encode("Aladdin:open sesame"), "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  EXPECT_EQ(Base64Encode("\xfb\xff"), "+/8=");
}

}  // namespace
}  // namespace tokenbroker
