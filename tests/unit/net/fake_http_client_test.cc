#include "support/fake_http_client.h"

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "net/runtime.h"
#include "support/status_matchers.h"

namespace tokenbroker::testing {
namespace {

HttpRequest Post(std::string url) {
  HttpRequest request;
  request.method = "POST";
  request.url = std::move(url);
  request.headers.push_back({"Authorization", Secret("Basic Zm9v")});
  request.body = Secret("a=b");
  return request;
}

TEST(FakeHttpClient, AnswersFromTheQueueThenFromTheResponder) {
  Runtime runtime;
  FakeHttpClient client;
  client.Enqueue("https://op/token", JsonResponse(503, "{}"));
  client.AnswerWith("https://op/token", [](const RecordedRequest& request) {
    return JsonResponse(request.body == "a=b" ? 200 : 400, "{}");
  });
  const auto send = [&](const char* url) { return RunBlocking(runtime, client.Send(Post(url))); };
  EXPECT_EQ(send("https://op/token")->status, 503);
  EXPECT_EQ(send("https://op/token")->status, 200);
  EXPECT_THAT(send("https://op/other"), FailsWith(Reason::kProviderUnavailable));
  EXPECT_EQ(client.requests().size(), 3u);
  ASSERT_EQ(client.requests_for("https://op/token").size(), 2u);
  EXPECT_EQ(client.requests_for("https://op/token")[1].headers.at("authorization"), "Basic Zm9v");
}

TEST(FaultyHttpClient, FailsAtTheChosenCallOnTheChosenSideOfTheExchange) {
  Runtime runtime;
  for (const FaultPoint point : {FaultPoint::kBeforeSending, FaultPoint::kAfterAnswering}) {
    FakeHttpClient inner;
    inner.AnswerWith("https://op/", [](const RecordedRequest&) { return JsonResponse(200, "{}"); });
    FaultyHttpClient client(inner, 2, point);
    const auto send = [&] { return RunBlocking(runtime, client.Send(Post("https://op/"))); };
    EXPECT_OK(send());
    const auto failed = send();
    EXPECT_THAT(failed, FailsWith(Reason::kProviderUnavailable));
    EXPECT_OK(send());
    EXPECT_EQ(client.calls(), 3);
    const bool before = point == FaultPoint::kBeforeSending;
    EXPECT_EQ(inner.requests().size(), before ? 2u : 3u);
    EXPECT_EQ(DeliveryOf(failed.status()), before ? Delivery::kNotSent : Delivery::kUnknown);
  }
}

}  // namespace
}  // namespace tokenbroker::testing
