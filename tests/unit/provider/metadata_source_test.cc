#include "provider/metadata_source.h"

#include "base/error.h"
#include "gmock/gmock.h"
#include "support/status_matchers.h"
#include "unit/provider/gate.h"
#include "unit/provider/provider_fixture.h"

namespace tokenbroker::provider {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Field;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Optional;
using ::testing::Pointee;
using ::testing::SizeIs;
using ::tokenbroker::testing::FailsWith;
using ::tokenbroker::testing::IsOkAndHolds;
using ::tokenbroker::testing::JsonResponse;

auto HasTokenEndpoint(std::string_view url) {
  return IsOkAndHolds(Pointee(Field(&oauth::ProviderMetadata::token_endpoint, std::string(url))));
}

asio::awaitable<bool> Whole(asio::awaitable<void> task) {
  co_await std::move(task);
  co_return true;
}

class MetadataSourceTest : public ProviderFixture {
 protected:
  static MetadataSourceOptions Options() {
    return {.issuer = std::string(kIssuerUrl), .fetch = FetchOptions()};
  }
  std::shared_ptr<MetadataSource> Source(MetadataSourceOptions options = Options()) {
    return MetadataSource::Create(runtime_, Borrowed(http_), clock_, log_, std::move(options));
  }
  absl::StatusOr<MetadataSource::Pointer> Get(MetadataSource& source) {
    return RunBlocking(runtime_, source.Get(Soon()));
  }
  void Enqueue(int status, const Json& document) {
    http_.Enqueue(kDiscoveryUrl, JsonResponse(status, document.dump()));
  }
  void Prefetch(MetadataSource& source) { RunBlocking(runtime_, Whole(source.Prefetch())); }
  void FailFromNowOn() {
    http_.AnswerWith(kDiscoveryUrl, [](const auto&) { return JsonResponse(404, ""); });
  }
};

TEST_F(MetadataSourceTest, FetchesNothingBeforeItIsAsked) {
  const auto source = Source();
  EXPECT_THAT(http_.requests(), IsEmpty());
}

// `disc-happy`
TEST_F(MetadataSourceTest, FetchesOnceAndKeepsTheAnswer) {
  Enqueue(200, DiscoveryDocument());
  const auto source = Source();
  EXPECT_THAT(Get(*source), HasTokenEndpoint(kTokenUrl));
  clock_.Advance(absl::Minutes(59));
  EXPECT_THAT(Get(*source), HasTokenEndpoint(kTokenUrl));
  EXPECT_THAT(http_.requests(), SizeIs(1));
}

TEST_F(MetadataSourceTest, AsksAgainWhenTheAnswerIsOld) {
  Enqueue(200, DiscoveryDocument());
  Json changed = DiscoveryDocument();
  changed["token_endpoint"] = "https://op.example/v2/token";
  Enqueue(200, changed);
  const auto source = Source();
  ASSERT_OK(Get(*source));
  clock_.Advance(absl::Minutes(61));
  EXPECT_THAT(Get(*source), HasTokenEndpoint("https://op.example/v2/token"));
}

TEST_F(MetadataSourceTest, FetchesAheadOfTheFirstUse) {
  Enqueue(200, DiscoveryDocument());
  const auto source = Source();
  Prefetch(*source);
  EXPECT_THAT(http_.requests(), SizeIs(1));
  EXPECT_THAT(Get(*source), HasTokenEndpoint(kTokenUrl));
  Prefetch(*source);
  EXPECT_THAT(http_.requests(), SizeIs(1));
}

TEST_F(MetadataSourceTest, ForgetsThatFetchingAheadFailed) {
  Enqueue(404, Json::object());
  Enqueue(200, DiscoveryDocument());
  const auto source = Source();
  Prefetch(*source);
  EXPECT_FALSE(source->state().failing_until.has_value());
  EXPECT_THAT(Get(*source), HasTokenEndpoint(kTokenUrl));
}

// `disc-issuer-path`
TEST_F(MetadataSourceTest, LooksBelowThePathOfTheIssuer) {
  MetadataSourceOptions options = Options();
  options.issuer = "https://op.example/t1";
  Json document = DiscoveryDocument();
  document["issuer"] = options.issuer;
  http_.Enqueue("https://op.example/t1/.well-known/openid-configuration",
                JsonResponse(200, document.dump()));
  EXPECT_OK(Get(*Source(options)));
}

TEST_F(MetadataSourceTest, FetchesNothingForAProviderWithoutDiscovery) {
  MetadataSourceOptions options = Options();
  options.fixed = oauth::ProviderMetadata{.token_endpoint = std::string(kTokenUrl)};
  const auto source = Source(std::move(options));
  clock_.Advance(absl::Hours(24 * 365));
  EXPECT_THAT(Get(*source), HasTokenEndpoint(kTokenUrl));
  EXPECT_THAT(http_.requests(), IsEmpty());
}

struct BadDocument {
  std::string name;
  std::function<void(Json&)> change;
};

void PrintTo(const BadDocument& row, std::ostream* os) { *os << row.name; }

class BadMetadataTest : public MetadataSourceTest,
                        public ::testing::WithParamInterface<BadDocument> {};

TEST_P(BadMetadataTest, IsRefused) {
  Json document = DiscoveryDocument();
  GetParam().change(document);
  Enqueue(200, document);
  EXPECT_THAT(Get(*Source()), FailsWith(Reason::kProviderMisconfigured));
}

INSTANTIATE_TEST_SUITE_P(
    Documents, BadMetadataTest,
    ::testing::Values(
        BadDocument{"OtherIssuer", [](Json& d) { d["issuer"] = "https://other.example"; }},
        BadDocument{"IssuerWithSlash", [](Json& d) { d["issuer"] = "https://op.example/"; }},
        BadDocument{"disc_missing_required", [](Json& d) { d.erase("token_endpoint"); }},
        BadDocument{"disc_endpoint_scheme",
                    [](Json& d) { d["token_endpoint"] = "http://op.example/token"; }},
        BadDocument{
            "disc_alg_list_none",
            [](Json& d) { d["id_token_signing_alg_values_supported"] = {"none", "HS256"}; }}),
    [](const auto& row) { return row.param.name; });

// `disc-cold-500`
TEST_F(MetadataSourceTest, RemembersAFailureForAMomentOnly) {
  for (int i = 0; i < 4; ++i) Enqueue(500, {});
  Enqueue(200, DiscoveryDocument());
  const auto source = Source();
  const auto failed = Get(*source);
  EXPECT_THAT(failed, FailsWith(Reason::kProviderUnavailable));
  EXPECT_THAT(RetryAfterOf(failed.status()),
              Optional(AllOf(Gt(absl::ZeroDuration()), Le(absl::Seconds(30)))));
  // Meanwhile nobody asks the provider.
  EXPECT_THAT(Get(*source), FailsWith(Reason::kProviderUnavailable));
  EXPECT_THAT(http_.requests(), SizeIs(4));
  clock_.Advance(absl::Seconds(30));
  EXPECT_THAT(Get(*source), HasTokenEndpoint(kTokenUrl));
}

// `disc-warm-500`
TEST_F(MetadataSourceTest, ServesTheLastGoodAnswerWhileTheProviderFails) {
  Enqueue(200, DiscoveryDocument());
  const auto source = Source();
  ASSERT_OK(Get(*source));
  FailFromNowOn();
  clock_.Advance(absl::Hours(23));
  EXPECT_THAT(Get(*source), HasTokenEndpoint(kTokenUrl));
  EXPECT_THAT(Get(*source), HasTokenEndpoint(kTokenUrl));
  EXPECT_THAT(http_.requests(), SizeIs(2));
  EXPECT_THAT(lines_.text(), HasSubstr("provider metadata cannot be renewed"));
  clock_.Advance(absl::Hours(1));
  EXPECT_THAT(Get(*source), FailsWith(Reason::kProviderUnavailable));
}

// `ref-token-endpoint-moved`
TEST_F(MetadataSourceTest, DoesNotFollowEndpointsToAnUnknownHost) {
  Enqueue(200, DiscoveryDocument());
  const auto source = Source();
  ASSERT_OK(Get(*source));
  Json moved = DiscoveryDocument();
  moved["token_endpoint"] = "https://evil.example/token";
  http_.AnswerWith(kDiscoveryUrl, [moved](const auto&) { return JsonResponse(200, moved.dump()); });
  clock_.Advance(absl::Hours(2));
  EXPECT_THAT(Get(*source), HasTokenEndpoint(kTokenUrl));
  EXPECT_THAT(lines_.text(), HasSubstr("PROVIDER_MISCONFIGURED"));
  // Not even when the last good answer is too old to be used.
  clock_.Advance(absl::Hours(24));
  EXPECT_THAT(Get(*source), FailsWith(Reason::kProviderMisconfigured));
  clock_.Advance(absl::Hours(24));
  EXPECT_THAT(Get(*source), FailsWith(Reason::kProviderMisconfigured));
}

// `jwks-failure-storm`, for discovery
TEST_F(MetadataSourceTest, FetchesOnceForAllWhoWait) {
  Gate gate;
  GatedHttpClient gated(http_, gate);
  Enqueue(200, DiscoveryDocument());
  const auto source = MetadataSource::Create(runtime_, Borrowed(gated), clock_, log_, Options());
  Tasks<MetadataSource::Pointer> waiters(runtime_);
  for (int i = 0; i < 200; ++i) waiters.Start(source->Get(Soon()));
  Settle(runtime_);
  gate.Open();
  EXPECT_THAT(waiters.Finish(), Each(HasTokenEndpoint(kTokenUrl)));
  EXPECT_THAT(http_.requests(), SizeIs(1));
}

TEST_F(MetadataSourceTest, FinishesAFetchThatItsWaiterLeft) {
  Gate gate;
  GatedHttpClient gated(http_, gate);
  Enqueue(200, DiscoveryDocument());
  auto source = MetadataSource::Create(runtime_, Borrowed(gated), clock_, log_, Options());
  EXPECT_THAT(RunBlocking(runtime_, source->Get(clock_.Now() + absl::Milliseconds(1))),
              FailsWith(Reason::kDeadlineExceeded));
  gate.Open();
  EXPECT_THAT(Get(*source), HasTokenEndpoint(kTokenUrl));
  EXPECT_THAT(http_.requests(), SizeIs(1));
}

}  // namespace
}  // namespace tokenbroker::provider
