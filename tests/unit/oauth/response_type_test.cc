#include "oauth/response_type.h"

#include "gmock/gmock.h"

namespace tokenbroker::oauth {
namespace {

TEST(ResponseType, ReadsTheFourInAnyOrder) {
  struct {
    const char* text;
    ResponseType type;
    const char* canonical;
  } const rows[] = {
      {"code", {}, "code"},
      {"code id_token", {.id_token = true}, "code id_token"},
      {"id_token code", {.id_token = true}, "code id_token"},
      {"code token", {.token = true}, "code token"},
      {"token code", {.token = true}, "code token"},
      {"code id_token token", {.id_token = true, .token = true}, "code id_token token"},
      {"token id_token code", {.id_token = true, .token = true}, "code id_token token"},
  };
  for (const auto& row : rows) {
    const auto type = ResponseType::Parse(row.text);
    ASSERT_TRUE(type) << row.text;
    EXPECT_EQ(*type, row.type) << row.text;
    EXPECT_EQ(type->ToString(), row.canonical) << row.text;
  }
}

TEST(ResponseType, IsNothingElse) {
  for (const char* text :
       {"", " ", "token", "id_token", "id_token token", "none", "Code", "code code", "code  token",
        " code", "code ", "code,token", "code token id_token code", "code\ttoken", "code none"}) {
    EXPECT_FALSE(ResponseType::Parse(text)) << text;
  }
}

TEST(ResponseMode, IsReadAndWrittenAlike) {
  for (const char* text :
       {"form_post", "query", "fragment", "form_post.jwt", "query.jwt", "fragment.jwt"}) {
    const auto mode = ParseResponseMode(text);
    ASSERT_TRUE(mode) << text;
    EXPECT_EQ(ToString(*mode), text);
  }
  for (const char* text :
       {"", "Query", "form_post ", "form-post", "jwt", "form_post.JWT", ".jwt"}) {
    EXPECT_FALSE(ParseResponseMode(text)) << text;
  }
}

TEST(ResponseMode, IsBroughtByItsCarrier) {
  EXPECT_EQ(CarrierOf(ResponseMode::kFormPostJwt), ResponseMode::kFormPost);
  EXPECT_EQ(CarrierOf(ResponseMode::kQueryJwt), ResponseMode::kQuery);
  EXPECT_EQ(CarrierOf(ResponseMode::kFragmentJwt), ResponseMode::kFragment);
  for (const ResponseMode mode :
       {ResponseMode::kFormPost, ResponseMode::kQuery, ResponseMode::kFragment}) {
    EXPECT_EQ(CarrierOf(mode), mode);
    EXPECT_FALSE(IsJwtSecured(mode));
  }
}

TEST(DefaultJwtMode, IsWhatJwtStandsFor) {
  // JARM section 2.3.4
  EXPECT_EQ(DefaultJwtMode({}), ResponseMode::kQueryJwt);
  EXPECT_EQ(DefaultJwtMode({.id_token = true}), ResponseMode::kFragmentJwt);
  EXPECT_EQ(DefaultJwtMode({.token = true}), ResponseMode::kFragmentJwt);
}

TEST(MayCarry, KeepsHybridResponsesOutOfTheQuery) {
  // MRT sections 3 and 5; cb-hybrid-by-query
  EXPECT_TRUE(MayCarry(ResponseMode::kQuery, {}));
  for (const ResponseType type : {ResponseType{.id_token = true}, ResponseType{.token = true},
                                  ResponseType{.id_token = true, .token = true}}) {
    EXPECT_FALSE(MayCarry(ResponseMode::kQuery, type)) << type.ToString();
    EXPECT_TRUE(MayCarry(ResponseMode::kFormPost, type)) << type.ToString();
    EXPECT_TRUE(MayCarry(ResponseMode::kFragment, type)) << type.ToString();
    // JARM section 2.3.1: it would have to be encrypted.
    EXPECT_FALSE(MayCarry(ResponseMode::kQueryJwt, type)) << type.ToString();
    EXPECT_TRUE(MayCarry(ResponseMode::kFormPostJwt, type)) << type.ToString();
    EXPECT_TRUE(MayCarry(ResponseMode::kFragmentJwt, type)) << type.ToString();
  }
}

}  // namespace
}  // namespace tokenbroker::oauth
