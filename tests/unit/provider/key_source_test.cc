#include "provider/key_source.h"

#include "base/error.h"
#include "gmock/gmock.h"
#include "support/signing_key.h"
#include "support/status_matchers.h"
#include "unit/provider/gate.h"
#include "unit/provider/provider_fixture.h"

namespace tokenbroker::provider {
namespace {

using ::testing::AnyOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Optional;
using ::testing::SizeIs;
using ::tokenbroker::testing::FailsWith;
using ::tokenbroker::testing::IsOk;
using ::tokenbroker::testing::JsonResponse;
using ::tokenbroker::testing::JwkSetText;
using ::tokenbroker::testing::SigningKey;
using ::tokenbroker::testing::WithBrokenSignature;

const SigningKey& Key(const std::string& key_id) {
  static auto& keys = *new std::map<std::string, SigningKey>();
  const auto found = keys.find(key_id);
  if (found != keys.end()) return found->second;
  return keys.emplace(key_id, SigningKey::Generate(jose::Algorithm::kES256, key_id)).first->second;
}

std::string TokenBy(const SigningKey& key) { return key.Sign({{"sub", "alice"}}); }
std::string TokenBy(const std::string& key_id) { return TokenBy(Key(key_id)); }

std::string SetOf(const std::vector<std::string>& key_ids) {
  std::vector<Json> keys;
  for (const std::string& key_id : key_ids) keys.push_back(Key(key_id).Jwk());
  return JwkSetText(keys);
}

class KeySourceTest : public ProviderFixture {
 protected:
  std::shared_ptr<KeySource> SourceOver(HttpClient& http) {
    return KeySource::Create(runtime_, Borrowed(http), clock_, log_,
                             FixedJwksUri(std::string(kJwksUrl)), {.fetch = FetchOptions()});
  }
  std::shared_ptr<KeySource> Source() { return SourceOver(http_); }

  static jose::JwsPolicy Policy() { return {.algorithms = {jose::Algorithm::kES256}}; }
  Task<jose::Jwt> Verification(KeySource& source, std::string_view token) {
    return source.Verify(Secret(token), Policy(), Soon());
  }
  absl::StatusOr<jose::Jwt> Verify(KeySource& source, std::string_view token) {
    return RunBlocking(runtime_, Verification(source, token));
  }

  // What the issuer publishes from now on.
  void Publish(int status, std::string text) {
    http_.AnswerWith(kJwksUrl, [=](const auto&) { return JsonResponse(status, text); });
  }
  void Publish(const std::vector<std::string>& key_ids) { Publish(200, SetOf(key_ids)); }
  std::size_t Fetches() { return http_.requests_for(kJwksUrl).size(); }
};

TEST_F(KeySourceTest, FetchesOnFirstUseAndKeepsTheKeys) {
  Publish({"a"});
  const auto source = Source();
  EXPECT_EQ(Fetches(), 0);
  EXPECT_OK(Verify(*source, TokenBy("a")));
  EXPECT_OK(Verify(*source, TokenBy("a")));
  EXPECT_EQ(Fetches(), 1);
}

TEST_F(KeySourceTest, FetchesNothingForATokenThatNoKeyCouldMakeGood) {
  const auto source = Source();
  EXPECT_THAT(Verify(*source, "garbage"), FailsWith(Reason::kJwtMalformed));
  EXPECT_THAT(Verify(*source, Key("a").SignWithHeader({{"alg", "none"}}, {})),
              FailsWith(Reason::kAlgorithmNotAllowed));
  EXPECT_THAT(Verify(*source, Key("a").SignWithHeader({{"alg", "RS256"}}, {})),
              FailsWith(Reason::kAlgorithmNotAllowed));
  EXPECT_THAT(http_.requests(), IsEmpty());
}

// `jwks-rotation-between-logins`, `jwks-rotation-just-before-signing`
TEST_F(KeySourceTest, FindsAKeyThatIsNewerThanItsFetch) {
  Publish({"a"});
  const auto source = Source();
  ASSERT_OK(Verify(*source, TokenBy("a")));
  // Again and again: a refetch that finds the key is not held against the issuer.
  for (const char* key_id : {"b", "c", "d", "e", "f", "g"}) {
    Publish({key_id});
    EXPECT_OK(Verify(*source, TokenBy(key_id)));
  }
  EXPECT_EQ(Fetches(), 7);
}

// `jwks-rotation-overlap`
TEST_F(KeySourceTest, UsesOldAndNewKeysWhileBothArePublished) {
  Publish({"a", "b"});
  const auto source = Source();
  EXPECT_OK(Verify(*source, TokenBy("a")));
  EXPECT_OK(Verify(*source, TokenBy("b")));
  EXPECT_EQ(Fetches(), 1);
}

// `jwks-key-withdrawn`
TEST_F(KeySourceTest, ForgetsAKeyThatIsNoLongerPublished) {
  Publish({"a"});
  const auto source = Source();
  ASSERT_OK(Verify(*source, TokenBy("a")));
  Publish({"b"});
  clock_.Advance(absl::Hours(2));
  EXPECT_THAT(Verify(*source, TokenBy("a")), FailsWith(Reason::kKeyNotFound));
}

// `jwks-kid-reused`
TEST_F(KeySourceTest, FetchesOnceMoreWhereASignatureDoesNotVerify) {
  Publish({"a"});
  const auto source = Source();
  ASSERT_OK(Verify(*source, TokenBy("a")));
  const SigningKey other(*jose::PrivateKey::Generate(jose::Algorithm::kES256, "a"));
  EXPECT_THAT(Verify(*source, TokenBy(other)), FailsWith(Reason::kSignatureInvalid));
  EXPECT_EQ(Fetches(), 2);
  Publish(200, JwkSetText({other.Jwk()}));
  EXPECT_OK(Verify(*source, TokenBy(other)));
}

// R19, `jwks-unknown-kid-flood`
TEST_F(KeySourceTest, LimitsWhatForgedKeyIdsCost) {
  Publish({"a"});
  const auto source = Source();
  ASSERT_OK(Verify(*source, TokenBy("a")));
  Tasks<jose::Jwt> flood(runtime_);
  for (int i = 0; i < 1000; ++i) {
    const std::string token =
        Key("a").SignWithHeader({{"kid", "forged-" + std::to_string(i)}}, {{"sub", "eve"}});
    flood.Start(Verification(*source, token));
  }
  EXPECT_THAT(flood.Finish(), Each(FailsWith(Reason::kKeyNotFound)));
  EXPECT_LE(Fetches(), 1 + 3);
  EXPECT_OK(Verify(*source, TokenBy("a")));
  // And the limit does not last.
  Publish({"b"});
  clock_.Advance(absl::Seconds(30));
  EXPECT_OK(Verify(*source, TokenBy("b")));
}

TEST_F(KeySourceTest, LimitsWhatForgedSignaturesCost) {
  Publish({"a"});
  const auto source = Source();
  const std::string forged = WithBrokenSignature(TokenBy("a"));
  for (int i = 0; i < 100; ++i) {
    EXPECT_THAT(Verify(*source, forged), FailsWith(Reason::kSignatureInvalid));
  }
  EXPECT_LE(Fetches(), 1 + 3);
}

// `jwks-cooldown-empty-set`
TEST_F(KeySourceTest, CountsAttemptsAlsoWhereASetIsEmpty) {
  Publish(200, R"({"keys":[]})");
  const auto source = Source();
  for (int i = 0; i < 100; ++i) {
    EXPECT_THAT(Verify(*source, TokenBy("a")), FailsWith(Reason::kKeyNotFound));
  }
  EXPECT_LE(Fetches(), 1 + 3);
}

// R19, `jwks-failure-storm`
TEST_F(KeySourceTest, FailsFastWhileTheIssuerFails) {
  Publish(404, "");
  const auto source = Source();
  Tasks<jose::Jwt> storm(runtime_);
  for (int i = 0; i < 1000; ++i) storm.Start(Verification(*source, TokenBy("a")));
  const auto results = storm.Finish();
  EXPECT_THAT(results, Each(FailsWith(Reason::kProviderUnavailable)));
  EXPECT_THAT(RetryAfterOf(results[0].status()), Optional(Le(absl::Seconds(30))));
  EXPECT_EQ(Fetches(), 1);
  Publish({"a"});
  clock_.Advance(absl::Seconds(30));
  EXPECT_OK(Verify(*source, TokenBy("a")));
}

// `jwks-single-flight`
TEST_F(KeySourceTest, FetchesOnceForAllWhoWait) {
  Gate gate;
  GatedHttpClient gated(http_, gate);
  Publish({"a"});
  const auto source = SourceOver(gated);
  Tasks<jose::Jwt> waiters(runtime_);
  for (int i = 0; i < 200; ++i) waiters.Start(Verification(*source, TokenBy("a")));
  Settle(runtime_);
  gate.Open();
  EXPECT_THAT(waiters.Finish(), Each(IsOk()));
  EXPECT_EQ(Fetches(), 1);
}

// R19, `jwks-stale-serve`
TEST_F(KeySourceTest, UsesTheLastGoodKeysWhileTheIssuerFails) {
  Publish({"a"});
  const auto source = Source();
  ASSERT_OK(Verify(*source, TokenBy("a")));
  Publish(404, "");
  clock_.Advance(absl::Hours(23));
  EXPECT_OK(Verify(*source, TokenBy("a")));
  EXPECT_THAT(lines_.text(), HasSubstr("issuer keys cannot be renewed"));
  // A key that is not among them may exist by now: that is no verdict on the token.
  EXPECT_THAT(Verify(*source, TokenBy("b")), FailsWith(Reason::kProviderUnavailable));
  // A signature that does not verify is one.
  EXPECT_THAT(Verify(*source, WithBrokenSignature(TokenBy("a"))),
              FailsWith(Reason::kSignatureInvalid));
  clock_.Advance(absl::Hours(1));
  EXPECT_THAT(Verify(*source, TokenBy("a")), FailsWith(Reason::kProviderUnavailable));
}

TEST_F(KeySourceTest, ObeysCacheControlWithinBounds) {
  HttpResponse response = JsonResponse(200, SetOf({"a"}));
  response.headers.emplace_back("cache-control", "max-age=0");
  http_.Enqueue(kJwksUrl, std::move(response));
  Publish({"a"});
  const auto source = Source();
  ASSERT_OK(Verify(*source, TokenBy("a")));
  clock_.Advance(absl::Minutes(4));
  ASSERT_OK(Verify(*source, TokenBy("a")));
  EXPECT_EQ(Fetches(), 1);
  clock_.Advance(absl::Minutes(2));
  ASSERT_OK(Verify(*source, TokenBy("a")));
  EXPECT_EQ(Fetches(), 2);
}

struct BadSet {
  std::string name;
  std::string text;
};

void PrintTo(const BadSet& row, std::ostream* os) { *os << row.name; }

class BadKeySetTest : public KeySourceTest, public ::testing::WithParamInterface<BadSet> {};

// `jwks-malformed-set`, `jwks-oversize`
TEST_P(BadKeySetTest, IsRefusedAndTheLastGoodOneKept) {
  Publish(200, GetParam().text);
  EXPECT_THAT(Verify(*Source(), TokenBy("a")), FailsWith(Reason::kProviderResponseInvalid));

  Publish({"a"});
  const auto source = Source();
  ASSERT_OK(Verify(*source, TokenBy("a")));
  Publish(200, GetParam().text);
  clock_.Advance(absl::Hours(2));
  EXPECT_OK(Verify(*source, TokenBy("a")));
}

std::string ManyKeys() {
  std::string text = R"({"keys":[{})";
  for (int i = 0; i < 10000; ++i) text += ",{}";
  return text + "]}";
}

INSTANTIATE_TEST_SUITE_P(Sets, BadKeySetTest,
                         ::testing::Values(BadSet{"NotJson", "<html>"}, BadSet{"Array", "[]"},
                                           BadSet{"NoKeys", "{}"},
                                           BadSet{"NullKeys", R"({"keys":null})"},
                                           BadSet{"KeysAnObject", R"({"keys":{}})"},
                                           BadSet{"MembersNotObjects", R"({"keys":[1]})"},
                                           BadSet{"TooManyKeys", ManyKeys()}),
                         [](const auto& row) { return row.param.name; });

// `jwks-one-bad-key`, `jwks-decoys`
TEST_F(KeySourceTest, SkipsKeysThatItCannotUse) {
  Json encryption = Key("a").Jwk();
  encryption["use"] = "enc";
  Publish(200, JwkSetText({Json{{"kty", "AKP"}, {"kid", "a"}}, encryption, Json{{"kty", "EC"}},
                           Key("a").Jwk()}));
  EXPECT_OK(Verify(*Source(), TokenBy("a")));
}

// `jwks-fetch-fail-reentry`, with threads: run under ASan and TSan.
TEST(KeySource, IsSafeToUseFromManyThreads) {
  testing::ManualClock clock;
  testing::FakeHttpClient http;
  CollectedLines lines;
  telemetry::Log log(lines, clock, telemetry::Level::kDebug, telemetry::Format::kText);
  std::atomic<int> fetches = 0;
  const std::string set = SetOf({"a"});
  http.AnswerWith(kJwksUrl,
                  [&](const auto&) { return JsonResponse(++fetches % 2 == 0 ? 200 : 404, set); });
  Runtime runtime(4);
  const auto source = KeySource::Create(runtime, Borrowed(http), clock, log,
                                        FixedJwksUri(std::string(kJwksUrl)), {});
  Tasks<jose::Jwt> tasks(runtime);
  for (int i = 0; i < 300; ++i) {
    const std::string token = i % 3 == 0   ? TokenBy("b")
                              : i % 3 == 1 ? WithBrokenSignature(TokenBy("a"))
                                           : TokenBy("a");
    tasks.Start(source->Verify(Secret(token), {.algorithms = {jose::Algorithm::kES256}},
                               clock.Now() + absl::Minutes(1)));
    if (i % 10 == 0) clock.Advance(absl::Seconds(40));
  }
  EXPECT_THAT(
      tasks.Finish(),
      Each(AnyOf(IsOk(), FailsWith(Reason::kProviderUnavailable), FailsWith(Reason::kKeyNotFound),
                 FailsWith(Reason::kDeadlineExceeded), FailsWith(Reason::kSignatureInvalid))));
  runtime.Stop();
}

}  // namespace
}  // namespace tokenbroker::provider
