#include "oauth/form.h"

#include <string>

#include "gmock/gmock.h"
#include "support/status_matchers.h"

namespace tokenbroker::oauth {
namespace {

using testing::FailsWith;

// "a=1|b=2", so that a table can hold it.
std::string Show(std::string_view text) {
  const auto fields = ParseForm(text);
  if (!fields.ok()) return fields.status().ToString();
  std::string shown;
  for (const FormField& field : *fields) {
    if (!shown.empty()) shown += '|';
    shown += field.name + "=" + std::string(field.value.Reveal());
  }
  return shown;
}

TEST(FormEncode, IsTheExampleOfRfc6749AppendixB) {
  EXPECT_EQ(FormEncode(" %&+\xC2\xA3\xE2\x82\xAC").Reveal(), "+%25%26%2B%C2%A3%E2%82%AC");
}

TEST(FormEncode, LeavesOnlyLettersDigitsAndThreeMoreAlone) {
  EXPECT_EQ(FormEncode("AZaz09-._").Reveal(), "AZaz09-._");
  EXPECT_EQ(FormEncode("~*!'():/").Reveal(), "%7E%2A%21%27%28%29%3A%2F");
}

TEST(FormWriter, KeepsTheOrderAndEveryByte) {
  FormWriter form;
  form.Add("b", "x y");
  form.Add("a", "");
  form.Add("b", "&=");
  EXPECT_EQ(std::move(form).Finish().Reveal(), "b=x+y&a=&b=%26%3D");
}

TEST(FormWriter, GrowsWithoutLosingAnything) {
  FormWriter form;
  std::string expected;
  for (int i = 0; i < 50; ++i) {
    const std::string value(static_cast<std::size_t>(i) * 40, 'v');
    form.Add("name", value);
    expected += (i == 0 ? "name=" : "&name=") + value;
  }
  EXPECT_EQ(std::move(form).Finish().Reveal(), expected);
}

TEST(ParseForm, ReadsFields) {
  EXPECT_EQ(Show(""), "");
  EXPECT_EQ(Show("a=1&b=2&a=3"), "a=1|b=2|a=3");
  EXPECT_EQ(Show("a"), "a=");
  EXPECT_EQ(Show("a="), "a=");
  EXPECT_EQ(Show("=a"), "=a");
  EXPECT_EQ(Show("a=b=c"), "a=b=c");
  EXPECT_EQ(Show("&&a=1&&b=2&"), "a=1|b=2");
  EXPECT_EQ(Show("&&&"), "");
  EXPECT_EQ(Show("%61=%62"), "a=b");
}

TEST(ParseForm, DecodesOnce) {
  // cb-form-decoding
  EXPECT_EQ(Show("code=a%2Bb%2Fc%3D%25%26+d+%C3%A4%E2%82%AC%F0%9F%98%80"),
            "code=a+b/c=%& d \xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQ(Show("a=%252B"), "a=%2B");
}

TEST(ParseForm, ReadsBackWhatWasWritten) {
  std::string every;
  for (int byte = 0x20; byte < 0x7F; ++byte) every += static_cast<char>(byte);
  FormWriter form;
  form.Add(every, every);
  EXPECT_EQ(Show(std::move(form).Finish().Reveal()), every + "=" + every);
}

TEST(ParseForm, RefusesWhatNoEncoderWrites) {
  struct {
    const char* name;
    std::string text;
  } const rows[] = {
      {"lone percent", "a=%"},
      {"half an encoding", "a=%4"},
      {"no hexadecimal", "a=%4g"},
      {"sign in an encoding", "a=%+1"},
      {"broken name", "%=1"},
      {"raw space", "a= b"},
      {"raw line end", "a=b\n"},
      {"raw NUL", std::string("a=\0b", 4)},
      {"raw UTF-8", "a=\xC3\xA4"},
      {"encoded NUL", "a=b%00"},
      {"NUL in a name", "a%00=b"},
      {"escape character", "a=%1B"},
      {"delete character", "a=%7F"},
      {"Latin-1", "a=%E4"},
      {"overlong form", "a=%C0%AF"},
      {"overlong form of three", "a=%E0%80%AF"},
      {"surrogate", "a=%ED%A0%80"},
      {"beyond Unicode", "a=%F4%90%80%80"},
      {"cut short", "a=%E2%82"},
      {"stray continuation", "a=%80"},
      {"split over two fields", "a=%C3&b=%A4"},
  };
  for (const auto& row : rows) {
    EXPECT_THAT(ParseForm(row.text), FailsWith(Reason::kCallbackMalformed)) << row.name;
  }
}

TEST(ParseForm, LetsProvidersBreakLines) {
  EXPECT_EQ(Show("error_description=a%0D%0Ab%09c"), "error_description=a\r\nb\tc");
}

TEST(ParseForm, StopsAtItsLimits) {
  // cb-oversize
  const std::string large_code = "code=" + std::string(64 << 10, 'c');
  EXPECT_THAT(ParseForm(large_code), testing::IsOk());
  EXPECT_THAT(ParseForm(std::string(10 << 20, 'a')), FailsWith(Reason::kCallbackTooLarge));
  EXPECT_THAT(ParseForm(std::string(1 << 20, '&')), FailsWith(Reason::kCallbackTooLarge));
  EXPECT_THAT(ParseForm("a=1&b=2&c=3", {.max_fields = 3}), testing::IsOk());
  EXPECT_THAT(ParseForm("a=1&b=2&c=3", {.max_fields = 2}), FailsWith(Reason::kCallbackTooLarge));
  EXPECT_THAT(ParseForm("a=1", {.max_bytes = 3}), testing::IsOk());
  EXPECT_THAT(ParseForm("a=12", {.max_bytes = 3}), FailsWith(Reason::kCallbackTooLarge));
}

}  // namespace
}  // namespace tokenbroker::oauth
