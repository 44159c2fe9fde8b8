#include "provider/cache_lifetime.h"

#include <ostream>

#include "gtest/gtest.h"

namespace tokenbroker::provider {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr LifetimeBounds kBounds = {
    .shortest = absl::Minutes(5), .usual = absl::Hours(1), .longest = absl::Hours(24)};

struct LifetimeCase {
  std::string name;
  Headers headers;
  absl::Duration lifetime;
};

void PrintTo(const LifetimeCase& row, std::ostream* os) { *os << row.name; }

class CacheLifetimeTest : public ::testing::TestWithParam<LifetimeCase> {};

// `jwks-cache-control`
TEST_P(CacheLifetimeTest, IsWithinBounds) {
  EXPECT_EQ(CacheLifetime(GetParam().headers, kBounds), GetParam().lifetime);
}

LifetimeCase Says(std::string name, std::string cache_control, absl::Duration lifetime) {
  return {std::move(name), {{"cache-control", std::move(cache_control)}}, lifetime};
}

INSTANTIATE_TEST_SUITE_P(
    Responses, CacheLifetimeTest,
    ::testing::Values(
        LifetimeCase{"Silent", {}, absl::Hours(1)},
        Says("MaxAge", "public, max-age=7200, must-revalidate", absl::Hours(2)),
        Says("OtherDirectivesOnly", "public, immutable", absl::Hours(1)),
        Says("Uppercase", "Max-Age=7200", absl::Hours(2)),
        Says("Quoted", "max-age=\"7200\"", absl::Hours(2)),
        Says("BelowTheShortest", "max-age=1", absl::Minutes(5)),
        Says("Zero", "max-age=0", absl::Minutes(5)), Says("NoStore", "no-store", absl::Minutes(5)),
        Says("NoCacheBesideMaxAge", "max-age=7200, no-cache", absl::Minutes(5)),
        Says("AboveTheLongest", "max-age=31536000", absl::Hours(24)),
        Says("MoreThanAnIntegerHolds", "max-age=99999999999999999999999999", absl::Hours(24)),
        Says("Negative", "max-age=-1", absl::Minutes(5)),
        Says("NoNumber", "max-age=soon", absl::Minutes(5)),
        Says("NoValue", "max-age", absl::Minutes(5)),
        Says("Twice", "max-age=7200, max-age=10800", absl::Hours(2)),
        Says("OnlyCommas", ",,,=,;", absl::Hours(1)), Says("Empty", "", absl::Hours(1)),
        LifetimeCase{
            "MinusAge", {{"cache-control", "max-age=7200"}, {"age", "3600"}}, absl::Hours(1)},
        LifetimeCase{"OlderThanMaxAge",
                     {{"cache-control", "max-age=7200"}, {"age", "9000"}},
                     absl::Minutes(5)},
        LifetimeCase{
            "SenselessAge", {{"cache-control", "max-age=7200"}, {"age", "old"}}, absl::Hours(2)},
        LifetimeCase{"TwoHeaders",
                     {{"cache-control", "max-age=7200"}, {"cache-control", "no-store"}},
                     absl::Minutes(5)}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace tokenbroker::provider
