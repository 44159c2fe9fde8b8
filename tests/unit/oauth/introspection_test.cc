#include "oauth/introspection.h"

#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "support/status_matchers.h"

namespace tokenbroker::oauth {
namespace {

using testing::FailsWith;

const absl::Time kNow = absl::FromUnixSeconds(1767225600);
const ExpectedToken kExpected = {
    .issuer = "https://op.example", .client_id = "client", .subject = "alice"};

absl::Status Check(std::string_view body, int status = 200,
                   std::string_view type = "application/json") {
  return CheckIntrospection({.status = status, .content_type = type, .body = body}, kExpected,
                            kNow);
}

TEST(Introspection, ConfirmsAnActiveToken) {
  // RFC 7662 section 2.2
  for (const char* body :
       {R"({"active":true})", R"({"active":true,"client_id":"client","sub":"alice"})",
        R"({"active":true,"iss":"https://op.example","exp":1767225601,"username":"Alice"})"}) {
    EXPECT_OK(Check(body)) << body;
  }
}

TEST(Introspection, RefusesEveryOtherToken) {
  struct {
    const char* body;
    const char* check;
  } const rows[] = {
      {R"({"active":false})", "TOKEN_INACTIVE"},
      {R"({"active":false,"sub":"alice"})", "TOKEN_INACTIVE"},
      {R"({"active":"true"})", "CLAIM_MALFORMED"},
      {R"({"active":1})", "CLAIM_MALFORMED"},
      {R"({"active":null})", "CLAIM_MALFORMED"},
      {R"({"sub":"alice"})", "CLAIM_MISSING"},
      {R"({"active":false,"active":true})", "JSON_MALFORMED"},
      {R"({"active":true,"client_id":"other"})", "CLIENT_MISMATCH"},
      {R"({"active":true,"client_id":7})", "CLAIM_MALFORMED"},
      {R"({"active":true,"sub":"mallory"})", "SUBJECT_MISMATCH"},
      {R"({"active":true,"iss":"https://op.example/"})", "ISSUER_MISMATCH"},
      {R"({"active":true,"exp":1767225600})", "TOKEN_EXPIRED"},
      {R"({"active":true,"exp":"soon"})", "CLAIM_MALFORMED"},
      {"[true]", "JSON_MALFORMED"},
      {"", "JSON_MALFORMED"},
  };
  for (const auto& row : rows) {
    const absl::Status status = Check(row.body);
    EXPECT_THAT(status, FailsWith(Reason::kProviderResponseInvalid)) << row.body;
    EXPECT_EQ(MetadataOf(status)["check"], row.check) << row.body;
  }
  EXPECT_EQ(MetadataOf(Check(R"({"active":true})", 200, "text/html"))["check"],
            "CONTENT_TYPE_UNSUPPORTED");
}

TEST(Introspection, WantsTheCertificateThatATokenMustBeBoundTo) {
  // RFC 8705 section 3.2
  ExpectedToken expected = kExpected;
  expected.certificates = {"old", "new"};
  const auto check = [&](std::string_view body) {
    return CheckIntrospection({.status = 200, .content_type = "application/json", .body = body},
                              expected, kNow);
  };
  EXPECT_OK(check(R"({"active":true,"cnf":{"x5t#S256":"new"}})"));
  for (const char* body :
       {R"({"active":true})", R"({"active":true,"cnf":{}})", R"({"active":true,"cnf":"new"})",
        R"({"active":true,"cnf":{"x5t#S256":"other"}})",
        R"({"active":true,"cnf":{"jkt":"new"}})"}) {
    EXPECT_EQ(MetadataOf(check(body))["check"], "TOKEN_NOT_BOUND") << body;
  }
}

TEST(Introspection, SaysNothingWithoutA200) {
  EXPECT_THAT(Check("", 503), FailsWith(Reason::kProviderUnavailable));
  EXPECT_THAT(Check("", 429), FailsWith(Reason::kProviderRateLimited));
  EXPECT_THAT(Check(R"({"error":"invalid_client"})", 401),
              FailsWith(Reason::kProviderRejectedClient));
  EXPECT_THAT(Check("", 204), FailsWith(Reason::kProviderResponseInvalid));
}

TEST(Introspection, SaysNothingOfTheGrantByAnError) {
  for (const char* word : {"invalid_grant", "access_denied", "login_required"}) {
    const absl::Status status = Check(R"({"error":")" + std::string(word) + R"("})", 400);
    EXPECT_THAT(status, FailsWith(Reason::kProviderResponseInvalid)) << word;
    EXPECT_EQ(MetadataOf(status)["check"], "ERROR_UNEXPECTED") << word;
    EXPECT_EQ(MetadataOf(status)["error"], word);
  }
}

}  // namespace
}  // namespace tokenbroker::oauth
