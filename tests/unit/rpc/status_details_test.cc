#include "rpc/status_details.h"

#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace tokenbroker::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

google::rpc::Status DetailsOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

template <typename Detail>
Detail DetailAt(const google::rpc::Status& details, int index) {
  Detail detail;
  EXPECT_LT(index, details.details_size());
  EXPECT_TRUE(details.details(index).UnpackTo(&detail));
  return detail;
}

TEST(StatusDetails, CarryEveryReasonWithItsCode) {
  for (const ReasonDescription& row : AllReasons()) {
    const grpc::Status status = ToGrpcStatus(Error(row.reason));
    EXPECT_EQ(static_cast<int>(status.error_code()), static_cast<int>(row.code)) << row.name;
    EXPECT_EQ(status.error_message(), row.message);
    const auto details = DetailsOf(status);
    EXPECT_EQ(details.code(), static_cast<int>(row.code));
    const auto info = DetailAt<google::rpc::ErrorInfo>(details, 0);
    EXPECT_EQ(info.reason(), row.name);
    EXPECT_EQ(info.domain(), "tokenbroker");
  }
}

TEST(StatusDetails, CarryMetadata) {
  const auto details =
      DetailsOf(ToGrpcStatus(Error(Reason::kProviderDenied, {{"error", "access_denied"}})));
  const auto info = DetailAt<google::rpc::ErrorInfo>(details, 0);
  EXPECT_THAT(info.metadata(), UnorderedElementsAre(Pair("error", "access_denied")));
}

TEST(StatusDetails, SayWhenToTryAgain) {
  const auto details = DetailsOf(
      ToGrpcStatus(WithRetryAfter(Error(Reason::kStoreUnavailable), absl::Milliseconds(2500))));
  const auto retry = DetailAt<google::rpc::RetryInfo>(details, 1);
  EXPECT_EQ(retry.retry_delay().seconds(), 2);
  EXPECT_EQ(retry.retry_delay().nanos(), 500'000'000);
}

TEST(StatusDetails, NameTheFieldAtFault) {
  const auto details = DetailsOf(ToGrpcStatus(FieldError("client", "must be given")));
  const auto bad_request = DetailAt<google::rpc::BadRequest>(details, 1);
  ASSERT_EQ(bad_request.field_violations_size(), 1);
  EXPECT_EQ(bad_request.field_violations(0).field(), "client");
  EXPECT_EQ(bad_request.field_violations(0).description(), "must be given");
}

TEST(StatusDetails, HideAStatusThatIsNotOurs) {
  const grpc::Status status = ToGrpcStatus(absl::NotFoundError("secret-of-somebody"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(status.error_message(), Describe(Reason::kInternal).message);
  EXPECT_EQ(status.error_details().find("secret-of-somebody"), std::string::npos);
}

TEST(StatusDetails, AreNoneOnSuccess) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_EQ(ToGrpcStatus(absl::OkStatus()).error_details(), "");
}

}  // namespace
}  // namespace tokenbroker::rpc
