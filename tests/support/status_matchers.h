// Matchers for absl::Status and absl::StatusOr, named as upstream's newer ones are.
#pragma once

#include <ostream>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/error.h"
#include "gmock/gmock.h"

namespace tokenbroker {

inline void PrintTo(Reason reason, std::ostream* os) { *os << Describe(reason).name; }

namespace testing {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << "whose status is " << StatusOf(arg).ToString();
  return arg.ok();
}

MATCHER_P(StatusIs, code, "has status code " + absl::StatusCodeToString(code)) {
  *result_listener << "whose status is " << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code;
}

// An error of exactly this reason.
MATCHER_P(FailsWith, reason, "fails with " + std::string(Describe(reason).name)) {
  *result_listener << "whose status is " << StatusOf(arg).ToString();
  return HasReason(StatusOf(arg), reason);
}

MATCHER_P(IsOkAndHolds, matcher, "") {
  *result_listener << "whose status is " << StatusOf(arg).ToString();
  return arg.ok() && ::testing::ExplainMatchResult(matcher, *arg, result_listener);
}

}  // namespace testing
}  // namespace tokenbroker

#define ASSERT_OK(expression) ASSERT_THAT((expression), ::tokenbroker::testing::IsOk())
#define EXPECT_OK(expression) EXPECT_THAT((expression), ::tokenbroker::testing::IsOk())
#define ASSERT_OK_AND_ASSIGN(declaration, expression) \
  TB_ASSERT_OK_AND_ASSIGN(declaration, (expression), TB_TEST_CONCAT(tb_result_, __LINE__))
#define TB_TEST_CONCAT_INNER(a, b) a##b
#define TB_TEST_CONCAT(a, b) TB_TEST_CONCAT_INNER(a, b)
#define TB_ASSERT_OK_AND_ASSIGN(declaration, expression, temporary) \
  auto temporary = expression;                                      \
  ASSERT_THAT(temporary, ::tokenbroker::testing::IsOk());           \
  declaration = *std::move(temporary)
