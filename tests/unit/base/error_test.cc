#include "base/error.h"

#include <set>
#include <string_view>

#include "gmock/gmock.h"
#include "support/status_matchers.h"

namespace tokenbroker {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::MatchesRegex;
using ::testing::Optional;
using ::testing::Pair;

TEST(Reasons, HaveNamesThatErrorInfoAllowsAndThatDiffer) {
  std::set<std::string_view> names;
  for (const ReasonDescription& row : AllReasons()) {
    EXPECT_THAT(std::string(row.name), MatchesRegex("[A-Z][A-Z0-9_]{1,61}[A-Z0-9]"));
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_NE(row.code, absl::StatusCode::kOk);
    EXPECT_TRUE(row.message.ends_with('.')) << row.message;
  }
}

TEST(Reasons, HaveTheCodesOfTheContractAlone) {
  using absl::StatusCode;
  const std::set<StatusCode> contract = {StatusCode::kInvalidArgument, StatusCode::kUnauthenticated,
                                         StatusCode::kPermissionDenied, StatusCode::kNotFound,
                                         StatusCode::kFailedPrecondition, StatusCode::kUnavailable,
                                         StatusCode::kResourceExhausted, StatusCode::kInternal,
                                         // What gRPC itself says of a call that its caller gave up.
                                         StatusCode::kDeadlineExceeded, StatusCode::kCancelled};
  for (const ReasonDescription& row : AllReasons()) {
    EXPECT_TRUE(contract.contains(row.code)) << row.name;
  }
}

TEST(Error, CarriesItsReasonAndItsFacts) {
  const absl::Status status = WithRetryAfter(
      Error(Reason::kProviderRateLimited, {{"provider", "p"}, {"endpoint", "token"}}),
      absl::Seconds(3));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status, testing::FailsWith(Reason::kProviderRateLimited));
  EXPECT_THAT(MetadataOf(status), ElementsAre(Pair("endpoint", "token"), Pair("provider", "p")));
  EXPECT_THAT(RetryAfterOf(status), Optional(Eq(absl::Seconds(3))));
}

TEST(Error, NamesTheFieldAtFault) {
  EXPECT_THAT(FieldOf(FieldError("redirect_uri", "is missing")),
              Optional(Pair("redirect_uri", "is missing")));
}

TEST(Error, FromElsewhereHasNoReason) {
  EXPECT_EQ(ReasonOf(absl::InternalError("from a library")), std::nullopt);
  EXPECT_EQ(ReasonOf(absl::OkStatus()), std::nullopt);
}

}  // namespace
}  // namespace tokenbroker
