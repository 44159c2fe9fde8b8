#include "oauth/pushed_authorization.h"

#include <string>

#include "gmock/gmock.h"
#include "support/status_matchers.h"

namespace tokenbroker::oauth {
namespace {

using testing::FailsWith;
using testing::IsOk;

constexpr absl::Time kNow = absl::FromUnixSeconds(1767225600);

absl::StatusOr<PushedAuthorization> Read(int status, const std::string& body) {
  return ParsePushedAuthorization(
      {.status = status, .content_type = "application/json; charset=utf-8", .body = body}, kNow);
}

TEST(PushedAuthorization, IsThatOfRfc9126) {
  // RFC 9126 section 2.2
  ASSERT_OK_AND_ASSIGN(
      const PushedAuthorization pushed,
      Read(201, R"({"request_uri":"urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c",
                    "expires_in":60})"));
  EXPECT_EQ(pushed.request_uri, "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c");
  EXPECT_EQ(pushed.lifetime, absl::Seconds(60));
}

TEST(PushedAuthorization, LivesADayAtMost) {
  ASSERT_OK_AND_ASSIGN(const PushedAuthorization pushed,
                       Read(201, R"({"request_uri":"urn:a:b","expires_in":1e300})"));
  EXPECT_EQ(pushed.lifetime, absl::Hours(24));
}

TEST(PushedAuthorization, IsRefusedWhereItBreaksTheProtocol) {
  struct {
    const char* name;
    int status;
    std::string body;
    const char* check;
  } const rows[] = {
      {"no JSON", 201, "request_uri=urn:a:b", "JSON_MALFORMED"},
      {"a list", 201, "[]", "JSON_MALFORMED"},
      {"twice", 201, R"({"request_uri":"urn:a:b","request_uri":"urn:a:b","expires_in":60})",
       "JSON_MALFORMED"},
      {"no request_uri", 201, R"({"expires_in":60})", "MEMBER_MISSING"},
      {"number as request_uri", 201, R"({"request_uri":1,"expires_in":60})", "MEMBER_MALFORMED"},
      {"empty request_uri", 201, R"({"request_uri":"","expires_in":60})", "MEMBER_MALFORMED"},
      {"relative request_uri", 201, R"({"request_uri":"a/b","expires_in":60})", "MEMBER_MALFORMED"},
      {"space in request_uri", 201, R"({"request_uri":"urn:a b","expires_in":60})",
       "MEMBER_MALFORMED"},
      {"long request_uri", 201,
       R"({"request_uri":"urn:a:)" + std::string(5000, 'x') + R"(","expires_in":60})",
       "MEMBER_MALFORMED"},
      {"no expires_in", 201, R"({"request_uri":"urn:a:b"})", "MEMBER_MISSING"},
      {"text as expires_in", 201, R"({"request_uri":"urn:a:b","expires_in":"60"})",
       "MEMBER_MALFORMED"},
      {"expires_in of zero", 201, R"({"request_uri":"urn:a:b","expires_in":0})",
       "MEMBER_MALFORMED"},
      {"negative expires_in", 201, R"({"request_uri":"urn:a:b","expires_in":-1})",
       "MEMBER_MALFORMED"},
      {"another success", 200, R"({"request_uri":"urn:a:b","expires_in":60})", "STATUS_UNEXPECTED"},
      {"a redirect", 302, "", "STATUS_UNEXPECTED"},
      {"method not allowed", 405, "", "JSON_MALFORMED"},
      {"an unregistered error", 400, R"({"error":"oops"})", "ERROR_UNEXPECTED"},
      {"an error of grants", 400, R"({"error":"invalid_grant"})", "ERROR_UNEXPECTED"},
  };
  for (const auto& row : rows) {
    const auto pushed = Read(row.status, row.body);
    EXPECT_THAT(pushed, FailsWith(Reason::kProviderResponseInvalid)) << row.name;
    EXPECT_EQ(MetadataOf(pushed.status())["check"], row.check) << row.name;
  }
  EXPECT_THAT(
      ParsePushedAuthorization({.status = 201, .content_type = "text/html", .body = "{}"}, kNow),
      FailsWith(Reason::kProviderResponseInvalid));
}

TEST(PushedAuthorization, IsRefusedForTheProvidersReason) {
  // RFC 9126 section 2.3
  struct {
    int status;
    const char* body;
    Reason reason;
  } const rows[] = {
      {400, R"({"error":"invalid_request","error_description":"no such user"})",
       Reason::kProviderDenied},
      {400, R"({"error":"invalid_request_object"})", Reason::kProviderDenied},
      {400, R"({"error":"invalid_scope"})", Reason::kProviderDenied},
      {400, R"({"error":"unsupported_response_type"})", Reason::kProviderDenied},
      {403, R"({"error":"access_denied"})", Reason::kProviderDenied},
      {400, R"({"error":"unauthorized_client"})", Reason::kProviderRejectedClient},
      {401, R"({"error":"invalid_client"})", Reason::kProviderRejectedClient},
      {401, R"({"error":"invalid_request"})", Reason::kProviderRejectedClient},
      {401, "", Reason::kProviderRejectedClient},
      {429, "", Reason::kProviderRateLimited},
      {500, "", Reason::kProviderUnavailable},
      {503, R"({"error":"temporarily_unavailable"})", Reason::kProviderUnavailable},
  };
  for (const auto& row : rows) {
    const auto pushed = Read(row.status, row.body);
    EXPECT_THAT(pushed, FailsWith(row.reason)) << row.status << row.body;
    EXPECT_EQ(MetadataOf(pushed.status())["status"], std::to_string(row.status));
  }
  EXPECT_EQ(MetadataOf(Read(400, R"({"error":"invalid_request"})").status())["error"],
            "invalid_request");
  EXPECT_EQ(RetryAfterOf(Read(500, "").status()), absl::Seconds(1));
}

}  // namespace
}  // namespace tokenbroker::oauth
