#include "rpc/messages.h"

#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"

namespace tokenbroker::rpc {
namespace {

std::vector<std::string> ToVector(const google::protobuf::RepeatedPtrField<std::string>& values) {
  return {values.begin(), values.end()};
}

void FillValue(const Json& json, google::protobuf::Value& value) {
  switch (json.type()) {
    case Json::value_t::object:
      FillStruct(json, *value.mutable_struct_value());
      return;
    case Json::value_t::array: {
      auto& list = *value.mutable_list_value();
      for (const Json& element : json) FillValue(element, *list.add_values());
      return;
    }
    case Json::value_t::string:
      value.set_string_value(json.get<std::string>());
      return;
    case Json::value_t::boolean:
      value.set_bool_value(json.get<bool>());
      return;
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
    case Json::value_t::number_float:
      value.set_number_value(json.get<double>());
      return;
    case Json::value_t::null:
    case Json::value_t::binary:
    case Json::value_t::discarded:
      value.set_null_value(google::protobuf::NULL_VALUE);
      return;
  }
}

v1::GrantState ToMessage(grants::GrantState state) {
  switch (state) {
    case grants::GrantState::kActive:
      return v1::GRANT_STATE_ACTIVE;
    case grants::GrantState::kReauthorizationRequired:
      return v1::GRANT_STATE_REAUTHORIZATION_REQUIRED;
    case grants::GrantState::kRevoked:
      return v1::GRANT_STATE_REVOKED;
  }
  return v1::GRANT_STATE_UNSPECIFIED;
}

}  // namespace

absl::StatusOr<broker::AuthorizationWish> ToWish(const v1::CreateAuthorizationUrlRequest& request) {
  broker::AuthorizationWish wish{
      .client = request.client(),
      .redirect_uri = request.redirect_uri(),
      .response_type = request.response_type(),
      .response_mode = request.response_mode(),
      .scopes = ToVector(request.scopes()),
      .audience = request.audience(),
      .resources = ToVector(request.resources()),
      .organization = request.organization(),
      .invitation = request.invitation(),
      .login_hint = request.login_hint(),
      .prompt = request.prompt(),
      .max_age = std::nullopt,
      .acr_values = ToVector(request.acr_values()),
      .ui_locales = ToVector(request.ui_locales()),
      .id_token_hint = request.id_token_hint(),
      .extra_parameters = {request.extra_parameters().begin(), request.extra_parameters().end()},
      .caller_context = Secret(request.caller_context())};
  if (request.has_max_age()) {
    const auto max_age = ToDuration(request.max_age());
    if (!max_age || *max_age < absl::ZeroDuration() || request.max_age().nanos() != 0) {
      return FieldError("max_age", "must be whole seconds, 0 or more");
    }
    wish.max_age = *max_age;
  }
  return wish;
}

absl::StatusOr<broker::SubmittedCallback> ToCallback(const v1::SubmitCallbackRequest& request) {
  broker::SubmittedCallback callback{.browser_binding = Secret(request.browser_binding())};
  switch (request.callback_case()) {
    case v1::SubmitCallbackRequest::kFormBody:
      callback.kind = broker::SubmittedCallback::Kind::kFormBody;
      callback.content = Secret(request.form_body());
      return callback;
    case v1::SubmitCallbackRequest::kRedirectUrl:
      callback.kind = broker::SubmittedCallback::Kind::kRedirectUrl;
      callback.content = Secret(request.redirect_url());
      return callback;
    case v1::SubmitCallbackRequest::CALLBACK_NOT_SET:
      break;
  }
  return FieldError("callback", "form_body or redirect_url must be given");
}

// What GetAccessToken and WatchAccessToken have in common.
template <typename Request>
absl::StatusOr<broker::AccessTokenQuery> ToSelection(const Request& request) {
  broker::AccessTokenQuery query;
  switch (request.selector_case()) {
    case Request::kGrantId:
      query.selector = broker::ByGrantId{request.grant_id()};
      break;
    case Request::kSubjectGrant:
      query.selector = broker::BySubject{.client = request.subject_grant().client(),
                                         .subject = request.subject_grant().subject()};
      break;
    case Request::kClientCredentials:
      query.selector = broker::ByClientCredentials{request.client_credentials().client()};
      break;
    case Request::SELECTOR_NOT_SET:
      return FieldError("selector", "grant_id, subject_grant or client_credentials must be given");
  }
  query.scopes = ToVector(request.scopes());
  query.audience = request.audience();
  return query;
}

absl::StatusOr<broker::AccessTokenQuery> ToQuery(const v1::WatchAccessTokenRequest& request) {
  return ToSelection(request);
}

absl::StatusOr<broker::AccessTokenQuery> ToQuery(const v1::GetAccessTokenRequest& request) {
  ASSIGN_OR_RETURN(broker::AccessTokenQuery query, ToSelection(request));
  if (request.has_min_remaining_lifetime()) {
    const auto lifetime = ToDuration(request.min_remaining_lifetime());
    if (!lifetime || *lifetime < absl::ZeroDuration()) {
      return FieldError("min_remaining_lifetime", "must be 0 or more");
    }
    query.min_remaining_lifetime = *lifetime;
  }
  query.rejected_access_token = Secret(request.rejected_access_token());
  return query;
}

absl::StatusOr<oauth::DpopTarget> ToTarget(const v1::DpopTarget& message) {
  oauth::DpopTarget target{.http_method = message.http_method(),
                           .http_uri = message.http_uri(),
                           .nonce = message.nonce()};
  RETURN_IF_ERROR(oauth::CheckDpopTarget(target));
  return target;
}

absl::StatusOr<std::optional<grants::GrantState>> ToState(v1::GrantState state) {
  switch (state) {
    case v1::GRANT_STATE_UNSPECIFIED:
      return std::nullopt;
    case v1::GRANT_STATE_ACTIVE:
      return grants::GrantState::kActive;
    case v1::GRANT_STATE_REAUTHORIZATION_REQUIRED:
      return grants::GrantState::kReauthorizationRequired;
    case v1::GRANT_STATE_REVOKED:
      return grants::GrantState::kRevoked;
    default:
      return FieldError("state", "is not a GrantState");
  }
}

absl::StatusOr<Listing> ToListing(const v1::ListGrantsRequest& request) {
  Listing listing;
  if (!request.client().empty()) listing.filter.client = request.client();
  if (!request.subject().empty()) listing.filter.subject = request.subject();
  ASSIGN_OR_RETURN(listing.filter.state, ToState(request.state()));
  if (request.page_size() < 0) return FieldError("page_size", "must not be negative");
  listing.page_size = static_cast<std::size_t>(request.page_size());
  return listing;
}

void FillGrant(const grants::Grant& grant, v1::Grant& message) {
  message.set_grant_id(grant.id);
  message.set_client(grant.client);
  message.set_issuer(grant.id_token.issuer);
  message.set_subject(grant.id_token.subject);
  for (const std::string& scope : grant.scopes.values()) message.add_scopes(scope);
  message.set_audience(grant.audience);
  *message.mutable_created_at() = ToTimestamp(grant.created_at);
  const auto token = grant.access_tokens.find({});
  if (token != grant.access_tokens.end() && token->second.expires_at != absl::InfiniteFuture()) {
    *message.mutable_access_token_expires_at() = ToTimestamp(token->second.expires_at);
  }
  message.set_refreshable(grant.refresh_token.has_value());
  message.set_state(ToMessage(grant.state));
  if (grant.last_refreshed_at) {
    *message.mutable_last_refreshed_at() = ToTimestamp(*grant.last_refreshed_at);
  }
  if (grant.next_refresh_at) {
    *message.mutable_next_refresh_at() = ToTimestamp(*grant.next_refresh_at);
  }
  message.set_generation(grant.generation);
}

void FillAccessToken(const broker::CachedToken& token, v1::GetAccessTokenResponse& response) {
  const std::string_view value = token.value.Reveal();
  response.set_access_token(value.data(), value.size());
  response.set_token_type(token.token_type);
  if (token.expires_at != absl::InfiniteFuture()) {
    *response.mutable_expires_at() = ToTimestamp(token.expires_at);
  }
  response.mutable_scopes()->Reserve(static_cast<int>(token.scopes.size()));
  for (const std::string& scope : token.scopes) response.add_scopes(scope);
  // A client's own tokens have no grant, and generations only mean something within one.
  response.set_generation(token.grant_id.empty() ? 0 : token.generation);
}

broker::ExchangeWish ToExchangeWish(const v1::ExchangeTokenRequest& request) {
  return {.client = request.client(),
          .subject_token = Secret(request.subject_token()),
          .subject_token_type = request.subject_token_type(),
          .actor_token = Secret(request.actor_token()),
          .actor_token_type = request.actor_token_type(),
          .requested_token_type = request.requested_token_type(),
          .audience = request.audience(),
          .resources = ToVector(request.resources()),
          .scopes = ToVector(request.scopes())};
}

void FillExchangedToken(const broker::ExchangedToken& token, v1::ExchangeTokenResponse& response) {
  response.set_access_token(std::string(token.value.Reveal()));
  response.set_token_type(token.token_type);
  response.set_issued_token_type(token.issued_token_type);
  if (token.expires_at) *response.mutable_expires_at() = ToTimestamp(*token.expires_at);
  for (const std::string& scope : token.scopes.values()) response.add_scopes(scope);
}

std::optional<absl::Duration> ToDuration(const google::protobuf::Duration& message) {
  // The range that duration.proto allows, and one sign for both parts.
  constexpr std::int64_t kMaxSeconds = 315'576'000'000;
  const std::int64_t seconds = message.seconds();
  const std::int32_t nanos = message.nanos();
  const bool in_range = seconds >= -kMaxSeconds && seconds <= kMaxSeconds &&
                        nanos > -1'000'000'000 && nanos < 1'000'000'000;
  const bool one_sign = (seconds >= 0 && nanos >= 0) || (seconds <= 0 && nanos <= 0);
  if (!in_range || !one_sign) return std::nullopt;
  return absl::Seconds(seconds) + absl::Nanoseconds(nanos);
}

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp message;
  const std::int64_t seconds = absl::ToUnixSeconds(time);
  message.set_seconds(seconds);
  message.set_nanos(
      static_cast<std::int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return message;
}

void FillStruct(const Json& object, google::protobuf::Struct& message) {
  for (const auto& [name, member] : object.items()) {
    FillValue(member, (*message.mutable_fields())[name]);
  }
}

}  // namespace tokenbroker::rpc
