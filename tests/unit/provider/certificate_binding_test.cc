#include "provider/certificate_binding.h"

#include <string>

#include "base/base64url.h"
#include "base/error.h"
#include "base/json.h"
#include "gmock/gmock.h"
#include "net/certificate.h"
#include "support/status_matchers.h"
#include "support/temp_dir.h"
#include "support/test_certificates.h"

namespace tokenbroker::provider {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using testing::SelfSigned;

Secret JwtOf(const Json& claims) {
  return Secret(Base64UrlEncode(R"({"alg":"ES256"})") + "." + Base64UrlEncode(claims.dump()) +
                ".c2ln");
}

class CertificateBinding : public ::testing::Test {
 protected:
  // A client that shows `count` certificates.
  Registration ClientWith(int count) {
    Registration registration{.client_id = "client", .certificate_bound_access_tokens = true};
    for (int i = 0; i < count; ++i) {
      const testing::PemPair pair = SelfSigned({});
      const std::string path = folder_.Write("cert" + std::to_string(i), pair.certificate);
      registration.authentications.emplace_back(
          oauth::TlsClientAuth{.certificate_file = path, .private_key_file = path});
      thumbprints_.push_back(*CertificateThumbprint(pair.certificate));
    }
    return registration;
  }

  testing::TempDir folder_;
  std::vector<std::string> thumbprints_;
};

TEST_F(CertificateBinding, HoldsForEachCertificateOfTheClient) {
  const Registration client = ClientWith(2);
  EXPECT_THAT(CertificateThumbprints(client),
              testing::IsOkAndHolds(ElementsAre(thumbprints_[0], thumbprints_[1])));
  for (const std::string& thumbprint : thumbprints_) {
    EXPECT_OK(CheckCertificateBinding(client, JwtOf({{"cnf", {{"x5t#S256", thumbprint}}}})));
  }
}

TEST_F(CertificateBinding, HoldsForNothingElse) {
  const Registration client = ClientWith(1);
  const std::string other = *CertificateThumbprint(SelfSigned({}).certificate);
  for (const Json& claims :
       {Json{{"sub", "alice"}}, Json{{"cnf", nullptr}}, Json{{"cnf", thumbprints_[0]}},
        Json{{"cnf", Json::object()}}, Json{{"cnf", {{"jkt", thumbprints_[0]}}}},
        Json{{"cnf", {{"x5t#S256", other}}}}, Json{{"cnf", {{"x5t#S256", {thumbprints_[0]}}}}},
        Json{{"cnf", {{"x5t#S256", thumbprints_[0] + "="}}}}}) {
    const absl::Status status = CheckCertificateBinding(client, JwtOf(claims));
    EXPECT_THAT(status, FailsWith(Reason::kProviderResponseInvalid)) << claims;
    EXPECT_EQ(MetadataOf(status)["check"], "TOKEN_NOT_BOUND") << claims;
  }
}

TEST_F(CertificateBinding, IsNotLookedForWhereItCannotBeSeenOrIsNotWanted) {
  Registration client = ClientWith(1);
  EXPECT_OK(CheckCertificateBinding(client, Secret("opaque")));
  client.certificate_bound_access_tokens = false;
  EXPECT_OK(CheckCertificateBinding(client, JwtOf({{"sub", "alice"}})));
}

TEST_F(CertificateBinding, FollowsTheFiles) {
  const Registration client = ClientWith(1);
  const std::string next = SelfSigned({}).certificate;
  folder_.Write("cert0", next);
  EXPECT_THAT(CertificateThumbprints(client),
              testing::IsOkAndHolds(ElementsAre(*CertificateThumbprint(next))));
  folder_.Write("cert0", "nothing");
  EXPECT_THAT(CertificateThumbprints(client), FailsWith(Reason::kInternal));
}

}  // namespace
}  // namespace tokenbroker::provider
