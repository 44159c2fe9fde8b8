#include "net/certificate.h"

#include <string>

#include "absl/time/clock.h"
#include "base/error.h"
#include "gmock/gmock.h"
#include "support/status_matchers.h"
#include "support/test_certificates.h"

namespace tokenbroker {
namespace {

using testing::FailsWith;

TEST(Certificates, FitTheirOwnKeyAlone) {
  const testing::PemPair pair = testing::SelfSigned({});
  const testing::PemPair other = testing::SelfSigned({});
  EXPECT_OK(CheckKeyPair(pair.certificate, Secret(pair.key)));
  const struct {
    const char* name;
    std::string certificate;
    std::string key;
  } tests[] = {{"another's key", pair.certificate, other.key},
               {"no certificate", pair.key, pair.key},
               {"no key", pair.certificate, pair.certificate},
               {"nothing", "", ""}};
  for (const auto& test : tests) {
    EXPECT_THAT(CheckKeyPair(test.certificate, Secret(test.key)),
                FailsWith(Reason::kInvalidRequest))
        << test.name;
  }
}

// Half an hour is room for how the file was made, not for how long the test takes.
TEST(Certificates, AreGoodForAsLongAsTheWorstOfThem) {
  const absl::Time now = absl::Now();
  const auto is_about = [](absl::Time expected) {
    return ::testing::AllOf(::testing::Gt(expected - absl::Minutes(30)),
                            ::testing::Lt(expected + absl::Minutes(30)));
  };
  const std::string early =
      testing::SelfSigned({.not_before = -absl::Hours(5), .not_after = absl::Hours(7)}).certificate;
  const std::string late =
      testing::SelfSigned({.not_before = -absl::Hours(3), .not_after = absl::Hours(9)}).certificate;
  for (const std::string& chain : {early + late, late + early}) {
    const auto validity = ValidityOfCertificates(chain);
    ASSERT_OK(validity);
    EXPECT_THAT(validity->from, is_about(now - absl::Hours(3)));
    EXPECT_THAT(validity->until, is_about(now + absl::Hours(7)));
  }
  EXPECT_THAT(ValidityOfCertificates(testing::SelfSigned({}).key),
              FailsWith(Reason::kInvalidRequest));
}

}  // namespace
}  // namespace tokenbroker
