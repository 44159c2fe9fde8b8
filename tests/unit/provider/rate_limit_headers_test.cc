#include "provider/rate_limit_headers.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace tokenbroker::provider {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

const absl::Time kNow = absl::FromUnixSeconds(1767225600);

// R12
TEST(RateLimitHeaders, ReadsWhatProvidersSend) {
  struct Row {
    const char* name;
    Headers headers;
  };
  for (const Row& row : std::vector<Row>{
           {"Auth0: Unix seconds",
            {{"x-ratelimit-limit", "100"},
             {"x-ratelimit-remaining", "7"},
             {"x-ratelimit-reset", "1767225630"}}},
           {"Okta: another spelling",
            {{"x-rate-limit-limit", "100"},
             {"x-rate-limit-remaining", "7"},
             {"x-rate-limit-reset", "1767225630"}}},
           {"Unix milliseconds",
            {{"x-ratelimit-limit", "100"},
             {"x-ratelimit-remaining", "7"},
             {"x-ratelimit-reset", "1767225630000"}}},
           {"the draft: seconds from now",
            {{"ratelimit-limit", "100"}, {"ratelimit-remaining", "7"}, {"ratelimit-reset", "30"}}},
       }) {
    const auto read = ReadAdvertisedLimit(row.headers, kNow);
    ASSERT_TRUE(read) << row.name;
    EXPECT_EQ(read->limit, 100) << row.name;
    EXPECT_EQ(read->remaining, 7) << row.name;
    EXPECT_EQ(read->reset, kNow + absl::Seconds(30)) << row.name;
  }
}

TEST(RateLimitHeaders, MakesNothingOfNonsense) {
  for (const auto& [remaining, reset] : std::vector<std::pair<std::string, std::string>>{
           {"", "30"},
           {"-1", "30"},
           {"7, 8", "30"},
           {"1e3", "30"},
           {"7", ""},
           {"7", "0"},
           {"7", "-30"},
           {"7", "soon"},
           {"7", "99999999999999999999"},
           {"7", "1767225600"},  // over already
           {"7", "1767312000"},  // tomorrow, and as seconds beyond all reason
           {"7", "86400"},
       }) {
    const Headers headers = {{"x-ratelimit-remaining", remaining}, {"x-ratelimit-reset", reset}};
    EXPECT_FALSE(ReadAdvertisedLimit(headers, kNow)) << remaining << " " << reset;
  }
  EXPECT_FALSE(ReadAdvertisedLimit({}, kNow));
  EXPECT_FALSE(ReadAdvertisedLimit({{"x-ratelimit-remaining", "0"}}, kNow));
}

TEST(RateLimitHeaders, CanDoWithoutTheLimit) {
  const auto read =
      ReadAdvertisedLimit({{"ratelimit-remaining", "0"}, {"ratelimit-reset", "30"}}, kNow);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->limit, std::nullopt);
  EXPECT_EQ(read->remaining, 0);
}

}  // namespace
}  // namespace tokenbroker::provider
