#include <optional>

#include "gmock/gmock.h"
#include "oauth/token_response.h"

namespace tokenbroker::oauth {
namespace {

TEST(RetryAfter, IsReadInEveryFormAndClamped) {
  // RFC 9110 sections 5.6.7 and 10.2.3; http-429
  const absl::Time now = absl::FromUnixSeconds(784111777 - 60);  // a minute before the examples
  struct {
    const char* value;
    std::optional<absl::Duration> delay;
  } const rows[] = {
      {"2", absl::Seconds(2)},
      {" 2 ", absl::Seconds(2)},
      {"0", absl::Seconds(1)},
      {"3600", absl::Hours(1)},
      {"3601", absl::Hours(1)},
      {"1000000000", absl::Hours(1)},
      {"99999999999999999999", absl::Hours(1)},
      {"000000000002", absl::Hours(1)},
      {"Sun, 06 Nov 1994 08:49:37 GMT", absl::Minutes(1)},
      {"Sunday, 06-Nov-94 08:49:37 GMT", absl::Minutes(1)},
      {"Sun Nov  6 08:49:37 1994", absl::Minutes(1)},
      {"Sun, 06 Nov 1994 08:00:00 GMT", absl::Seconds(1)},
      {"Fri, 31 Dec 9999 23:59:59 GMT", absl::Hours(1)},
      {"", std::nullopt},
      {"-1", std::nullopt},
      {"1.5", std::nullopt},
      {"2s", std::nullopt},
      {"soon", std::nullopt},
      {"Sun, 06 Nov 1994 08:49:37 CET", std::nullopt},
      {"Sun, 40 Nov 1994 08:49:37 GMT", std::nullopt},
      {"infinite-future", std::nullopt},
  };
  for (const auto& row : rows) EXPECT_EQ(ParseRetryAfter(row.value, now), row.delay) << row.value;
}

}  // namespace
}  // namespace tokenbroker::oauth
