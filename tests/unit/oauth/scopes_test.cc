#include "oauth/scopes.h"

#include "gmock/gmock.h"
#include "support/status_matchers.h"

namespace tokenbroker::oauth {
namespace {

using testing::FailsWith;
using testing::IsOkAndHolds;

TEST(Scopes, DoNotDependOnOrderOrRepetition) {
  EXPECT_THAT(Scopes::Parse("openid email"), IsOkAndHolds(Scopes{"email", "openid"}));
  EXPECT_THAT(Scopes::Parse("b a b"), IsOkAndHolds(Scopes{"a", "b"}));
  EXPECT_EQ((Scopes{"b", "a"}).ToString(), "a b");
  EXPECT_THAT(Scopes::Parse(""), IsOkAndHolds(Scopes{}));
  EXPECT_EQ(Scopes{}.ToString(), "");
}

TEST(Scopes, TellUpperFromLowerCase) {
  EXPECT_NE((Scopes{"read"}), (Scopes{"Read"}));
  EXPECT_FALSE((Scopes{"read"}).Contains("Read"));
}

TEST(Scopes, TakeEveryCharacterOfTheGrammar) {
  EXPECT_THAT(Scopes::Parse("https://api.example/read:all !#$%&'()*+,;=[]^_`{|}~"),
              testing::IsOk());
}

TEST(Scopes, RefuseWhatTheGrammarDoesNotHave) {
  // RFC 6749 section 3.3
  for (const char* text :
       {" ", "a ", " a", "a  b", "a\tb", "a\nb", "\"a\"", "a\\b", "\xC3\xA4", "a\x7F"}) {
    EXPECT_THAT(Scopes::Parse(text), FailsWith(Reason::kInvalidRequest)) << text;
  }
  EXPECT_THAT(Scopes::FromValues({"a", ""}), FailsWith(Reason::kInvalidRequest));
  EXPECT_THAT(Scopes::FromValues({"a b"}), FailsWith(Reason::kInvalidRequest));
  EXPECT_THAT(Scopes::FromValues({std::string("a\0", 2)}), FailsWith(Reason::kInvalidRequest));
}

TEST(Scopes, CoverTheirSubsets) {
  const Scopes scopes{"a", "b"};
  EXPECT_TRUE(scopes.Covers({}));
  EXPECT_TRUE(scopes.Covers({"b"}));
  EXPECT_TRUE(scopes.Covers(scopes));
  EXPECT_FALSE(scopes.Covers({"a", "c"}));
  EXPECT_FALSE(Scopes{}.Covers({"a"}));
}

}  // namespace
}  // namespace tokenbroker::oauth
