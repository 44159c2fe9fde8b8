#include "oauth/answer_error.h"

#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "support/status_matchers.h"

namespace tokenbroker::oauth {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;

const absl::Time kNow = absl::FromUnixSeconds(1767225600);

TEST(AnswerError, FollowsOneTable) {
  // RFC 6749 section 5.2 and around it
  struct {
    const char* name;
    int status;
    const char* body;
    Reason reason;
  } const rows[] = {
      {"tok-invalid-grant", 400, R"({"error":"invalid_grant"})", Reason::kReauthorizationRequired},
      {"invalid_grant with 401", 401, R"({"error":"invalid_grant"})",
       Reason::kReauthorizationRequired},
      {"invalid_grant with 403, as Auth0", 403, R"({"error":"invalid_grant"})",
       Reason::kReauthorizationRequired},
      {"tok-invalid-client", 401, R"({"error":"invalid_client"})", Reason::kProviderRejectedClient},
      {"unauthorized_client", 400, R"({"error":"unauthorized_client"})",
       Reason::kProviderRejectedClient},
      {"access_denied", 403, R"({"error":"access_denied"})", Reason::kProviderDenied},
      {"invalid_scope", 400, R"({"error":"invalid_scope"})", Reason::kProviderDenied},
      {"invalid_target", 400, R"({"error":"invalid_target"})", Reason::kProviderDenied},
      {"interaction_required", 400, R"({"error":"interaction_required"})", Reason::kProviderDenied},
      {"temporarily_unavailable", 400, R"({"error":"temporarily_unavailable"})",
       Reason::kProviderUnavailable},
      {"429", 429, "", Reason::kProviderRateLimited},
      {"429 with invalid_grant", 429, R"({"error":"invalid_grant"})", Reason::kProviderRateLimited},
      {"Auth0's global limit", 500,
       R"({"error":"access_denied","error_description":"Global limit has been reached"})",
       Reason::kProviderRateLimited},
      {"500 access_denied of another kind", 500, R"({"error":"access_denied"})",
       Reason::kProviderUnavailable},
      {"500", 500, "<html>", Reason::kProviderUnavailable},
      {"502", 502, "", Reason::kProviderUnavailable},
      {"503", 503, "", Reason::kProviderUnavailable},
      {"500 with invalid_grant", 500, R"({"error":"invalid_grant"})", Reason::kProviderUnavailable},
      {"invalid_request", 400, R"({"error":"invalid_request"})", Reason::kProviderResponseInvalid},
      {"tok-dpop-nonce", 400, R"({"error":"use_dpop_nonce"})", Reason::kProviderResponseInvalid},
      {"rev-unsupported-type", 400, R"({"error":"unsupported_token_type"})",
       Reason::kOperationNotSupported},
      {"404", 404, "", Reason::kProviderResponseInvalid},
      {"tok-status-odd", 418, "", Reason::kProviderResponseInvalid},
      {"tok-error-body-garbage: HTML", 400, "<html></html>", Reason::kProviderResponseInvalid},
      {"tok-error-body-garbage: empty", 400, "", Reason::kProviderResponseInvalid},
      {"tok-error-body-garbage: number", 400, R"({"error":7})", Reason::kProviderResponseInvalid},
      {"tok-error-body-garbage: array", 400, R"({"error":["invalid_grant"]})",
       Reason::kProviderResponseInvalid},
      {"invalid_grant twice", 400, R"({"error":"x","error":"invalid_grant"})",
       Reason::kProviderResponseInvalid},
      {"302", 302, "", Reason::kProviderResponseInvalid},
      {"0", 0, "", Reason::kProviderResponseInvalid},
  };
  for (const auto& row : rows) {
    const absl::Status error = AnswerError({.status = row.status, .body = row.body}, kNow);
    EXPECT_THAT(error, FailsWith(row.reason)) << row.name;
    const bool waiting_helps =
        row.reason == Reason::kProviderRateLimited || row.reason == Reason::kProviderUnavailable;
    EXPECT_EQ(RetryAfterOf(error).has_value(), waiting_helps) << row.name;
    EXPECT_EQ(MetadataOf(error)["status"], std::to_string(row.status)) << row.name;
  }
}

TEST(AnswerError, SaysHowLongToWait) {
  const auto delay = [](int status, std::optional<std::string_view> retry_after) {
    return RetryAfterOf(AnswerError({.status = status, .retry_after = retry_after}, kNow));
  };
  EXPECT_EQ(delay(429, "120"), absl::Minutes(2));
  EXPECT_EQ(delay(503, "120"), absl::Minutes(2));
  EXPECT_EQ(delay(429, std::nullopt), absl::Seconds(5));
  EXPECT_EQ(delay(429, "soon"), absl::Seconds(5));
  EXPECT_EQ(delay(503, std::nullopt), absl::Seconds(1));
}

TEST(AnswerError, RepeatsOnlyAWord) {
  struct {
    const char* body;
    const char* error;
  } const rows[] = {
      {R"({"error":"invalid_request","error_description":"hunter2"})", "invalid_request"},
      {R"({"error":"Hunter2"})", ""},
      {R"({"error":"invalid grant"})", ""},
      {R"({"error":""})", ""},
      {R"({"error":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"})", ""},
  };
  for (const auto& row : rows) {
    const absl::Status error = AnswerError({.status = 400, .body = row.body}, kNow);
    EXPECT_EQ(MetadataOf(error)["error"], row.error) << row.body;
    EXPECT_THAT(error.ToString(), Not(HasSubstr("unter2"))) << row.body;
  }
}

TEST(EmptyAnswer, IsReadByItsStatus) {
  // RFC 7009 section 2.2; rev-happy, rev-unknown-token, rev-garbage-200
  EXPECT_THAT(CheckEmptyAnswer({.status = 200, .body = "<html>"}, kNow), IsOk());
  EXPECT_THAT(CheckEmptyAnswer({.status = 204}, kNow), IsOk());
  EXPECT_THAT(CheckEmptyAnswer({.status = 302}, kNow), FailsWith(Reason::kProviderResponseInvalid));
  EXPECT_THAT(CheckEmptyAnswer({.status = 503}, kNow), FailsWith(Reason::kProviderUnavailable));
  EXPECT_THAT(CheckEmptyAnswer({.status = 401, .body = R"({"error":"invalid_client"})"}, kNow),
              FailsWith(Reason::kProviderRejectedClient));
}

}  // namespace
}  // namespace tokenbroker::oauth
