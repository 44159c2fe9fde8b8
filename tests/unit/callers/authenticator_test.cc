#include "callers/authenticator.h"

#include <memory>
#include <string>
#include <utility>

#include "base/error.h"
#include "gmock/gmock.h"
#include "net/runtime.h"
#include "support/manual_clock.h"
#include "support/signing_key.h"
#include "support/status_matchers.h"

namespace tokenbroker::callers {
namespace {

using testing::FailsWith;
using ::testing::Field;
using testing::IsOkAndHolds;
using ::testing::Pointee;
using testing::SigningKey;

constexpr char kIssuer[] = "https://kubernetes.default.svc";
constexpr char kSubject[] = "system:serviceaccount:shop:web";

// Keys at hand, which count how often they are asked.
class FakeIssuerKeys final : public IssuerKeys {
 public:
  explicit FakeIssuerKeys(jose::JwkSet keys) : keys_(std::move(keys)) {}

  Task<jose::Jwt> Verify(Secret token, jose::JwsPolicy policy, absl::Time) override {
    ++asked;
    if (!failure.ok()) co_return failure;
    co_return jose::VerifyJws(token.Reveal(), keys_, policy);
  }

  int asked = 0;
  absl::Status failure;

 private:
  const jose::JwkSet keys_;
};

auto IsCaller(const std::string& name) { return Pointee(Field(&Caller::name, name)); }

class AuthenticatorTest : public ::testing::Test {
 protected:
  void SetUp() override { Make({}); }

  void Make(std::optional<std::string> anonymous_caller) {
    std::vector<Caller> callers;
    callers.push_back({.name = "shop",
                       .identities = {SpiffeId{"spiffe://example.com/shop"},
                                      DnsName{"shop.example"}, JwtSubject{kIssuer, kSubject}}});
    callers.push_back({.name = "developer"});
    ASSERT_OK_AND_ASSIGN(auto policy, Policy::Create(std::move(callers)));
    Authenticator::Options options{.anonymous_caller = std::move(anonymous_caller)};
    options.issuers.push_back({.issuer = kIssuer,
                               .audience = "token-broker",
                               .algorithms = {jose::Algorithm::kES256},
                               .keys = keys_});
    ASSERT_OK_AND_ASSIGN(authenticator_,
                         Authenticator::Create(std::move(policy), std::move(options), clock_));
  }

  Json GoodClaims() const {
    return {{"iss", kIssuer},
            {"aud", {"token-broker"}},
            {"sub", kSubject},
            {"exp", absl::ToUnixSeconds(clock_.Now()) + 3600}};
  }

  absl::StatusOr<const Caller*> Authenticate(const Presented& presented) {
    Recognition recognition = authenticator_->Recognise(presented);
    if (auto* status = std::get_if<absl::Status>(&recognition)) return *status;
    if (auto* token = std::get_if<UnverifiedToken>(&recognition)) {
      return RunBlocking(runtime_,
                         authenticator_->Verify(std::move(*token), absl::InfiniteFuture()));
    }
    return std::get<const Caller*>(recognition);
  }

  absl::StatusOr<const Caller*> AuthenticateToken(const std::string& token) {
    const std::string authorization = "Bearer " + token;
    return Authenticate({.authorization = authorization});
  }

  std::string CheckOf(const absl::StatusOr<const Caller*>& result) {
    return MetadataOf(result.status())["check"];
  }

  Runtime runtime_;
  testing::ManualClock clock_;
  const SigningKey key_ = SigningKey::Shared(jose::Algorithm::kES256, "1");
  const std::shared_ptr<FakeIssuerKeys> keys_ = std::make_shared<FakeIssuerKeys>(key_.Set());
  std::unique_ptr<Authenticator> authenticator_;
};

TEST_F(AuthenticatorTest, KnowsACertificateByItsUriOrDnsName) {
  EXPECT_THAT(Authenticate({.uri_names = {"spiffe://example.com/shop"}}),
              IsOkAndHolds(IsCaller("shop")));
  EXPECT_THAT(Authenticate({.dns_names = {"unknown.example", "shop.example"}}),
              IsOkAndHolds(IsCaller("shop")));
}

TEST_F(AuthenticatorTest, RefusesACertificateThatPolicyDoesNotName) {
  EXPECT_THAT(Authenticate({.dns_names = {"unknown.example"}}),
              FailsWith(Reason::kCallerNotAllowed));
}

TEST_F(AuthenticatorTest, RefusesWhoShowsNothing) {
  EXPECT_THAT(Authenticate({}), FailsWith(Reason::kCallerUnauthenticated));
}

TEST_F(AuthenticatorTest, TakesWhoShowsNothingForTheAnonymousCallerWhereThereIsOne) {
  Make("developer");
  EXPECT_THAT(Authenticate({}), IsOkAndHolds(IsCaller("developer")));
  EXPECT_THAT(Authenticate({.dns_names = {"unknown.example"}}),
              FailsWith(Reason::kCallerNotAllowed));
  EXPECT_THAT(Authenticate({.authorization = "Bearer x"}),
              FailsWith(Reason::kCallerUnauthenticated));
}

TEST_F(AuthenticatorTest, RefusesAnAnonymousCallerThatIsNotConfigured) {
  ASSERT_OK_AND_ASSIGN(auto policy, Policy::Create({}));
  EXPECT_THAT(
      Authenticator::Create(std::move(policy), {.anonymous_caller = "nobody"}, clock_).status(),
      FailsWith(Reason::kInvalidRequest));
}

TEST_F(AuthenticatorTest, KnowsTheBearerOfAGoodToken) {
  EXPECT_THAT(AuthenticateToken(key_.Sign(GoodClaims())), IsOkAndHolds(IsCaller("shop")));
}

TEST_F(AuthenticatorTest, VerifiesATokenOnceWhileItIsRemembered) {
  const std::string token = key_.Sign(GoodClaims());
  for (int i = 0; i < 3; ++i) ASSERT_OK(AuthenticateToken(token));
  EXPECT_EQ(keys_->asked, 1);
  clock_.Advance(absl::Minutes(5));
  ASSERT_OK(AuthenticateToken(token));
  EXPECT_EQ(keys_->asked, 2);
}

TEST_F(AuthenticatorTest, ForgetsATokenWhenItExpires) {
  Json claims = GoodClaims();
  claims["exp"] = absl::ToUnixSeconds(clock_.Now()) + 30;
  const std::string token = key_.Sign(claims);
  ASSERT_OK(AuthenticateToken(token));
  clock_.Advance(absl::Seconds(30) + kClockSkew);
  EXPECT_EQ(CheckOf(AuthenticateToken(token)), "TOKEN_EXPIRED");
}

TEST_F(AuthenticatorTest, RefusesATokenThatIsNoGoodAndSaysWhichCheckFailed) {
  Json other_issuer = GoodClaims();
  other_issuer["iss"] = "https://other.example";
  Json other_audience = GoodClaims();
  other_audience["aud"] = "other";
  const auto stranger = SigningKey::Generate(jose::Algorithm::kES256, "1");
  struct Row {
    std::string token;
    std::string check;
  };
  for (const Row& row : {
           Row{"not.a.jwt", "JWT_MALFORMED"},
           Row{key_.Sign(other_issuer), "ISSUER_MISMATCH"},
           Row{key_.Sign(other_audience), "AUDIENCE_MISMATCH"},
           Row{stranger.Sign(GoodClaims()), "SIGNATURE_INVALID"},
           Row{key_.SignWithHeader({{"alg", "none"}}, GoodClaims()), "ALGORITHM_NOT_ALLOWED"},
           Row{key_.SignWithHeader({{"typ", "logout+jwt"}}, GoodClaims()), "JWT_TYPE_MISMATCH"},
       }) {
    const auto result = AuthenticateToken(row.token);
    EXPECT_THAT(result, FailsWith(Reason::kCallerUnauthenticated)) << row.check;
    EXPECT_EQ(CheckOf(result), row.check);
  }
}

TEST_F(AuthenticatorTest, RefusesABadTokenEvenBesideAGoodCertificate) {
  EXPECT_THAT(
      Authenticate({.authorization = "Basic eDp5", .uri_names = {"spiffe://example.com/shop"}}),
      FailsWith(Reason::kCallerUnauthenticated));
}

TEST_F(AuthenticatorTest, RefusesASubjectThatPolicyDoesNotName) {
  Json claims = GoodClaims();
  claims["sub"] = "system:serviceaccount:shop:other";
  EXPECT_THAT(AuthenticateToken(key_.Sign(claims)), FailsWith(Reason::kCallerNotAllowed));
}

TEST_F(AuthenticatorTest, DoesNotBlameTheCallerForKeysThatCannotBeFetched) {
  keys_->failure = Error(Reason::kProviderUnavailable);
  EXPECT_THAT(AuthenticateToken(key_.Sign(GoodClaims())), FailsWith(Reason::kProviderUnavailable));
}

}  // namespace
}  // namespace tokenbroker::callers
