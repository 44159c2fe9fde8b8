// Between the messages of tokenbroker.v1 and the values of the use cases.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/json.h"
#include "broker/use_cases.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "tokenbroker/v1/token_broker.pb.h"

namespace tokenbroker::rpc {

// All pure and thread-safe. Errors are INVALID_REQUEST naming the field, and
// OPERATION_NOT_SUPPORTED where a message asks for what is not offered.

absl::StatusOr<broker::AuthorizationWish> ToWish(const v1::CreateAuthorizationUrlRequest& request);
absl::StatusOr<broker::SubmittedCallback> ToCallback(const v1::SubmitCallbackRequest& request);
absl::StatusOr<broker::AccessTokenQuery> ToQuery(const v1::GetAccessTokenRequest& request);
absl::StatusOr<broker::AccessTokenQuery> ToQuery(const v1::WatchAccessTokenRequest& request);
absl::StatusOr<oauth::DpopTarget> ToTarget(const v1::DpopTarget& message);

broker::ExchangeWish ToExchangeWish(const v1::ExchangeTokenRequest& request);

struct Listing {
  grants::GrantFilter filter;
  std::size_t page_size = 0;
};
// Nothing for the unspecified one.
absl::StatusOr<std::optional<grants::GrantState>> ToState(v1::GrantState state);
absl::StatusOr<Listing> ToListing(const v1::ListGrantsRequest& request);

void FillGrant(const grants::Grant& grant, v1::Grant& message);
void FillAccessToken(const broker::CachedToken& token, v1::GetAccessTokenResponse& response);
void FillExchangedToken(const broker::ExchangedToken& token, v1::ExchangeTokenResponse& response);

// A duration of the wire, unless its parts do not fit together.
std::optional<absl::Duration> ToDuration(const google::protobuf::Duration& message);
google::protobuf::Timestamp ToTimestamp(absl::Time time);

// JSON as it came; numbers become doubles, as Struct has no other. Recursion is as deep as
// `object`, which ParseJsonObject bounds.
void FillStruct(const Json& object, google::protobuf::Struct& message);

}  // namespace tokenbroker::rpc
