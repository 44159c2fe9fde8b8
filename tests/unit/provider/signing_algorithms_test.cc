#include "provider/signing_algorithms.h"

#include <ostream>
#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/status_matchers.h"

namespace tokenbroker::provider {
namespace {

using ::tokenbroker::testing::FailsWith;
using ::tokenbroker::testing::IsOkAndHolds;
using enum jose::Algorithm;

struct AlgorithmsCase {
  std::string name;
  std::vector<jose::Algorithm> configured;
  std::vector<std::string> published;
  std::vector<jose::Algorithm> taken;  // none: PROVIDER_MISCONFIGURED
};

void PrintTo(const AlgorithmsCase& row, std::ostream* os) { *os << row.name; }

class SigningAlgorithmsTest : public ::testing::TestWithParam<AlgorithmsCase> {};

// `alg-from-token`, `disc-alg-list-none`
TEST_P(SigningAlgorithmsTest, NeverIncludeNoneOrSharedSecrets) {
  oauth::ProviderMetadata metadata;
  metadata.id_token_signing_alg_values_supported = GetParam().published;
  const auto algorithms = SigningAlgorithms(GetParam().configured, metadata);
  if (GetParam().taken.empty()) {
    EXPECT_THAT(algorithms, FailsWith(Reason::kProviderMisconfigured));
  } else {
    EXPECT_THAT(algorithms, IsOkAndHolds(GetParam().taken));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Lists, SigningAlgorithmsTest,
    ::testing::Values(AlgorithmsCase{"NothingKnown", {}, {}, {kRS256}},
                      AlgorithmsCase{
                          "Published", {}, {"none", "HS256", "ES256", "PS256"}, {kES256, kPS256}},
                      AlgorithmsCase{"PublishedUnknownOnes", {}, {"ML-DSA-44", "RS256"}, {kRS256}},
                      AlgorithmsCase{"PublishedNothingUsable", {}, {"none", "HS256"}, {}},
                      AlgorithmsCase{"ConfiguredBeforePublished", {kES384}, {"RS256"}, {kES384}},
                      AlgorithmsCase{"ConfiguredSharedSecretAlone", {kHS256}, {"RS256"}, {}}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace tokenbroker::provider
