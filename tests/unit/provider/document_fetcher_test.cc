#include "provider/document_fetcher.h"

#include "base/error.h"
#include "gmock/gmock.h"
#include "support/status_matchers.h"
#include "unit/provider/provider_fixture.h"

namespace tokenbroker::provider {
namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::Optional;
using ::testing::Pair;
using ::testing::SizeIs;
using ::tokenbroker::testing::FailsWith;
using ::tokenbroker::testing::IsOkAndHolds;
using ::tokenbroker::testing::JsonResponse;

class DocumentFetcherTest : public ProviderFixture {
 protected:
  absl::StatusOr<HttpResponse> Fetch() {
    return RunBlocking(runtime_, fetcher_.Fetch(std::string(kDiscoveryUrl)));
  }
  void Enqueue(absl::StatusOr<HttpResponse> response) {
    http_.Enqueue(kDiscoveryUrl, std::move(response));
  }
  void EnqueueFailure(Reason reason, Delivery delivery, std::string_view cause) {
    const auto net_delivery = delivery == Delivery::kNotSent ? tokenbroker::Delivery::kNotSent
                                                             : tokenbroker::Delivery::kUnknown;
    Enqueue(WithDelivery(Error(reason), net_delivery, cause));
  }

  DocumentFetcher fetcher_{Borrowed(http_), clock_, FetchOptions()};
};

TEST_F(DocumentFetcherTest, AsksForJsonWithAPlainGet) {
  Enqueue(JsonResponse(200, "{}"));
  EXPECT_THAT(Fetch(), IsOkAndHolds(Field(&HttpResponse::status, 200)));
  ASSERT_THAT(http_.requests(), SizeIs(1));
  EXPECT_EQ(http_.requests()[0].method, "GET");
  EXPECT_THAT(http_.requests()[0].headers, Contains(Pair("accept", "application/json")));
}

// `http-5xx-then-ok`
TEST_F(DocumentFetcherTest, AsksAgainWhereTheProviderFailsForAMoment) {
  for (const int status : {500, 502, 503, 200}) Enqueue(JsonResponse(status, "{}"));
  EXPECT_THAT(Fetch(), IsOkAndHolds(Field(&HttpResponse::status, 200)));
}

TEST_F(DocumentFetcherTest, GivesUpAfterItsRetries) {
  http_.AnswerWith(kDiscoveryUrl, [](const auto&) { return JsonResponse(500, ""); });
  const auto response = Fetch();
  EXPECT_THAT(response, FailsWith(Reason::kProviderUnavailable));
  EXPECT_THAT(MetadataOf(response.status()), Contains(Pair("status", "500")));
  EXPECT_THAT(http_.requests(), SizeIs(4));
}

// `http-429`
TEST_F(DocumentFetcherTest, ObeysRetryAfter) {
  for (const int status : {429, 503}) {
    HttpResponse response = JsonResponse(status, "");
    response.headers.emplace_back("retry-after", "7");
    Enqueue(std::move(response));
    const auto fetched = Fetch();
    EXPECT_THAT(fetched, FailsWith(status == 429 ? Reason::kProviderRateLimited
                                                 : Reason::kProviderUnavailable));
    EXPECT_THAT(RetryAfterOf(fetched.status()), Optional(absl::Seconds(7)));
  }
  EXPECT_THAT(http_.requests(), SizeIs(2));
}

// `disc-redirect`, `jwks-etag`
TEST_F(DocumentFetcherTest, TakesNothingBut200) {
  for (const int status : {201, 204, 206, 301, 302, 307, 400, 401, 404}) {
    HttpResponse response = JsonResponse(status, "{}");
    response.headers.emplace_back("location", "https://elsewhere.example/");
    Enqueue(std::move(response));
    EXPECT_THAT(Fetch(), FailsWith(Reason::kProviderUnavailable)) << status;
  }
  Enqueue(JsonResponse(304, ""));
  EXPECT_THAT(Fetch(), FailsWith(Reason::kProviderResponseInvalid));
  EXPECT_THAT(http_.requests_for(kDiscoveryUrl), SizeIs(10));
  EXPECT_THAT(http_.requests(), SizeIs(10));
}

TEST_F(DocumentFetcherTest, SendsOnceMoreWhatWasNotSent) {
  EnqueueFailure(Reason::kProviderUnavailable, Delivery::kNotSent, "connect");
  Enqueue(JsonResponse(200, "{}"));
  EXPECT_OK(Fetch());
  EXPECT_THAT(http_.requests(), SizeIs(2));
}

// `disc-ssrf-address`
TEST_F(DocumentFetcherTest, CallsARefusedAddressAMistakeOfTheConfiguration) {
  EnqueueFailure(Reason::kProviderUnavailable, Delivery::kNotSent, "address_refused");
  EXPECT_THAT(Fetch(), FailsWith(Reason::kProviderMisconfigured));
  EXPECT_THAT(http_.requests(), SizeIs(1));
}

TEST_F(DocumentFetcherTest, CallsItsOwnTimeoutAnOutageOfTheProvider) {
  EnqueueFailure(Reason::kDeadlineExceeded, Delivery::kUnknown, "timeout");
  const auto response = Fetch();
  EXPECT_THAT(response, FailsWith(Reason::kProviderUnavailable));
  EXPECT_THAT(MetadataOf(response.status()), Contains(Pair("cause", "timeout")));
}

}  // namespace
}  // namespace tokenbroker::provider
