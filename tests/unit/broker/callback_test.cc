#include "broker/callback.h"

#include <thread>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"
#include "broker/broker_fixture.h"
#include "broker/fake_spool.h"
#include "broker/faulty_grant_store.h"

namespace tokenbroker::broker {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::IsEmpty;
using testing::IsOk;

class CallbackSubmission : public BrokerTest {
 protected:
  CallbackSubmission() = default;
  explicit CallbackSubmission(std::unique_ptr<grants::GrantStore> store)
      : BrokerTest(std::move(store)) {}

  struct SignInParts {
    AuthorizationUrl url;
    std::string nonce;
    std::string body;  // a correct form_post
  };

  // A sign-in up to the point where the browser comes back; the token endpoint will answer well.
  SignInParts Prepare(const std::string& response_type) {
    auto url = Begin(response_type);
    EXPECT_THAT(url, IsOk());
    SignInParts parts{.url = *std::move(url)};
    parts.nonce = ParameterOf(parts.url.url, "nonce");
    parts.body = "code=C1&state=" + std::string(parts.url.state.Reveal());
    Json front = Claims(parts.nonce);
    front["c_hash"] = LeftHash("C1");
    if (response_type.ends_with(" token")) {
      parts.body += "&access_token=FRONT&token_type=bearer&expires_in=60";
      front["at_hash"] = LeftHash("FRONT");
    }
    if (response_type.find("id_token") != std::string::npos) {
      parts.body += "&id_token=" + Escape(front.dump());
    }
    provider_->Answer(Issues(
        {.access_token = "AT1", .refresh_token = "RT1", .id_token = Claims(parts.nonce).dump()}));
    return parts;
  }

  static std::string Escape(const std::string& text) {
    std::string escaped;
    for (const char c : text) {
      char hex[4];
      std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned char>(c));
      escaped += hex;
    }
    return escaped;
  }

  static std::string Without(std::string body, const std::string& name) {
    const auto at = body.find(name + "=");
    const auto end = body.find('&', at);
    body.erase(at == 0 ? 0 : at - 1, end == std::string::npos ? std::string::npos : end - at + 1);
    return body;
  }
};

class ResponseTypes : public CallbackSubmission,
                      public ::testing::WithParamInterface<const char*> {};

TEST_P(ResponseTypes, EndInAGrantAfterOneTokenRequest) {
  const SignInParts parts = Prepare(GetParam());
  const auto answer = Submit(parts.body, parts.url.browser_binding);
  ASSERT_OK(answer);
  EXPECT_EQ(answer->grant.id_token.subject, "alice");
  EXPECT_EQ(answer->grant.caller, "backend");
  EXPECT_EQ(answer->grant.generation, 1u);
  EXPECT_EQ(answer->caller_context.Reveal(), "cart=7");
  EXPECT_EQ(Json::parse(answer->id_token_claims.Reveal()).at("nonce"), parts.nonce);
  EXPECT_FALSE(answer->front_channel_access_token);
  EXPECT_THAT(provider_->sent(), ElementsAre("code C1"));
  EXPECT_EQ(TokenOf(Get(answer->grant.id)), "AT1");
}

INSTANTIATE_TEST_SUITE_P(AllFour, ResponseTypes,
                         ::testing::Values("code", "code id_token", "code token",
                                           "code id_token token"),
                         [](const auto& row) {
                           std::string name = row.param;
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

TEST_F(CallbackSubmission, GivesTheSameAnswerToTheSameCallback) {
  const SignInParts parts = Prepare("code id_token");
  const auto first = Submit(parts.body, parts.url.browser_binding);
  const auto second = Submit(parts.body, parts.url.browser_binding);
  ASSERT_OK(first);
  ASSERT_OK(second);
  EXPECT_EQ(first->grant.id, second->grant.id);
  EXPECT_TRUE(first->id_token_claims == second->id_token_claims);
  EXPECT_THAT(provider_->sent(), ElementsAre("code C1"));
}

TEST_F(CallbackSubmission, RefusesAnotherCallbackForAUsedState) {
  const SignInParts parts = Prepare("code");
  ASSERT_OK(Submit(parts.body, parts.url.browser_binding));
  EXPECT_THAT(Submit(parts.body + "&session_state=x", parts.url.browser_binding),
              FailsWith(Reason::kStateUnknown));
  EXPECT_THAT(provider_->sent(), ElementsAre("code C1"));
}

TEST_F(CallbackSubmission, SendsTheCodeOnceWhenManyBringItAtOnce) {
  const SignInParts parts = Prepare("code");
  std::vector<std::string> ids(16);
  std::vector<std::thread> browsers;
  for (std::string& id : ids) {
    browsers.emplace_back([&] {
      const auto answer = Submit(parts.body, parts.url.browser_binding);
      id = answer.ok() ? answer->grant.id : answer.status().ToString();
    });
  }
  for (std::thread& browser : browsers) browser.join();
  EXPECT_THAT(ids, ::testing::Each(ids.front()));
  EXPECT_THAT(provider_->sent(), ElementsAre("code C1"));
}

TEST_F(CallbackSubmission, LeavesTheRequestAloneWhenTheBrowserIsAnother) {
  const SignInParts parts = Prepare("code");
  EXPECT_THAT(Submit(parts.body, Secret("another")), FailsWith(Reason::kBrowserBindingMismatch));
  EXPECT_THAT(Submit(parts.body, Secret()), FailsWith(Reason::kBrowserBindingMismatch));
  EXPECT_THAT(Submit(parts.body, parts.url.browser_binding), IsOk());
}

TEST_F(CallbackSubmission, KnowsNoStateOfAnotherCaller) {
  const SignInParts parts = Prepare("code");
  const Asker other{.name = "other", .sees_grants_of_others = true};
  EXPECT_THAT(SubmitAs(other, parts.body, parts.url.browser_binding),
              FailsWith(Reason::kStateUnknown));
  EXPECT_THAT(Submit(parts.body, parts.url.browser_binding), IsOk());
}

TEST_F(CallbackSubmission, ForgetsARequestThatTookTooLong) {
  const SignInParts parts = Prepare("code");
  clock_.Advance(absl::Minutes(10));
  EXPECT_THAT(Submit(parts.body, parts.url.browser_binding), FailsWith(Reason::kStateUnknown));
}

TEST_F(CallbackSubmission, KeepsTheRequestWhileTheProviderIsDown) {
  const SignInParts parts = Prepare("code");
  provider_->metadata_error = Error(Reason::kProviderUnavailable);
  EXPECT_THAT(Submit(parts.body, parts.url.browser_binding),
              FailsWith(Reason::kProviderUnavailable));
  provider_->metadata_error = absl::OkStatus();
  EXPECT_THAT(Submit(parts.body, parts.url.browser_binding), IsOk());
}

// R12: a limit of the provider's costs the user no sign-in.
TEST_F(CallbackSubmission, KeepsTheRequestWhileTheProviderBearsNone) {
  const SignInParts parts = Prepare("code");
  provider_->admission_error =
      WithRetryAfter(Error(Reason::kProviderRateLimited), absl::Seconds(7));
  EXPECT_THAT(Submit(parts.body, parts.url.browser_binding),
              FailsWith(Reason::kProviderRateLimited));
  EXPECT_TRUE(provider_->sent().empty());
  provider_->admission_error = absl::OkStatus();
  EXPECT_THAT(Submit(parts.body, parts.url.browser_binding), IsOk());
  EXPECT_THAT(provider_->admitted(), ::testing::Each(provider::Priority::kCallback));
}

TEST_F(CallbackSubmission, NeverSendsACodeTwice) {
  auto url = Begin();
  provider_->Answer(Fails(Error(Reason::kProviderUnavailable)));
  const std::string body = "code=C1&state=" + std::string(url->state.Reveal());
  EXPECT_THAT(Submit(body, url->browser_binding), FailsWith(Reason::kProviderUnavailable));
  EXPECT_THAT(Submit(body, url->browser_binding), FailsWith(Reason::kStateUnknown));
  EXPECT_THAT(provider_->sent(), ElementsAre("code C1"));
}

TEST_F(CallbackSubmission, StopsBeforeTheCodeWhenTheFrontChannelIsWrong) {
  for (const char* missing : {"id_token", "code"}) {
    const SignInParts parts = Prepare("code id_token");
    EXPECT_THAT(Submit(Without(parts.body, missing), parts.url.browser_binding),
                FailsWith(Reason::kResponseParametersMismatch));
  }
  {
    const SignInParts parts = Prepare("code id_token");
    std::string other_code = parts.body;
    other_code.replace(0, 7, "code=C2");
    EXPECT_THAT(Submit(other_code, parts.url.browser_binding), FailsWith(Reason::kCHashMismatch));
  }
  {
    const SignInParts parts = Prepare("code id_token token");
    std::string other_token = parts.body;
    other_token.replace(other_token.find("FRONT"), 5, "OTHER");
    EXPECT_THAT(Submit(other_token, parts.url.browser_binding), FailsWith(Reason::kAtHashMismatch));
  }
  {
    const SignInParts parts = Prepare("code id_token");
    provider_->signature_error = Error(Reason::kSignatureInvalid);
    EXPECT_THAT(Submit(parts.body, parts.url.browser_binding),
                FailsWith(Reason::kSignatureInvalid));
    provider_->signature_error = absl::OkStatus();
  }
  EXPECT_THAT(provider_->sent(), IsEmpty());
}

TEST_F(CallbackSubmission, ReportsAnAuthenticNo) {
  const auto url = Begin();
  EXPECT_THAT(
      Submit("error=access_denied&state=" + std::string(url->state.Reveal()), url->browser_binding),
      FailsWith(Reason::kProviderDenied));
}

struct BadIdToken {
  const char* name;
  std::function<void(Json&)> change;
  const char* check;
};

class BackChannelIdTokens : public CallbackSubmission,
                            public ::testing::WithParamInterface<BadIdToken> {};

// What the token endpoint got wrong is the provider's fault, and its tokens are given back.
TEST_P(BackChannelIdTokens, LeaveNothingBehind) {
  auto url = Begin("code id_token");
  ASSERT_OK(url);
  const std::string nonce = ParameterOf(url->url, "nonce");
  Json front = Claims(nonce);
  front["c_hash"] = LeftHash("C1");
  Json back = Claims(nonce);
  GetParam().change(back);
  provider_->Answer(
      Issues({.access_token = "AT1", .refresh_token = "RT1", .id_token = back.dump()}));
  const auto answer = Submit(
      "code=C1&state=" + std::string(url->state.Reveal()) + "&id_token=" + Escape(front.dump()),
      url->browser_binding);
  EXPECT_THAT(answer, FailsWith(Reason::kProviderResponseInvalid));
  EXPECT_EQ(MetadataOf(answer.status())["check"], GetParam().check);
  const auto page = Run(broker_->ListGrants(asker_, {}, 10, ""));
  ASSERT_OK(page);
  EXPECT_THAT(page->grants, IsEmpty());
  while (provider_->revoked().size() < 2) std::this_thread::yield();
  EXPECT_THAT(provider_->revoked(), ElementsAre("RT1", "AT1"));
}

INSTANTIATE_TEST_SUITE_P(
    AnyFault, BackChannelIdTokens,
    ::testing::Values(
        BadIdToken{"nonce", [](Json& claims) { claims["nonce"] = "other"; }, "NONCE_MISMATCH"},
        BadIdToken{"subject", [](Json& claims) { claims["sub"] = "mallory"; }, "SUBJECT_MISMATCH"},
        BadIdToken{"issuer", [](Json& claims) { claims["iss"] = "https://x.example"; },
                   "ISSUER_MISMATCH"},
        BadIdToken{"at_hash", [](Json& claims) { claims["at_hash"] = LeftHash("FRONT"); },
                   "AT_HASH_MISMATCH"},
        BadIdToken{"c_hash", [](Json& claims) { claims["c_hash"] = LeftHash("C2"); },
                   "C_HASH_MISMATCH"}),
    [](const auto& row) { return row.param.name; });

TEST_F(CallbackSubmission, NeedsAnIdTokenFromTheTokenEndpoint) {
  auto url = Begin();
  provider_->Answer(Issues({.access_token = "AT1"}));
  const auto answer =
      Submit("code=C1&state=" + std::string(url->state.Reveal()), url->browser_binding);
  EXPECT_THAT(answer, FailsWith(Reason::kProviderResponseInvalid));
  EXPECT_EQ(MetadataOf(answer.status())["check"], "ID_TOKEN_MISSING");
}

class JwtResponses : public CallbackSubmission {
 protected:
  // A sign-in whose response is to come as a JWT; the fake provider signs by being asked.
  struct Begun {
    AuthorizationUrl url;
    Json claims;
  };

  Begun BeginByJwt(const std::string& mode = "form_post.jwt") {
    auto url = Begin("code", mode);
    EXPECT_THAT(url, IsOk());
    const std::string nonce = ParameterOf(url->url, "nonce");
    provider_->Answer(Issues({.access_token = "AT1", .id_token = Claims(nonce).dump()}));
    Json claims = {{"iss", "https://op.example"},
                   {"aud", "shop-id"},
                   {"exp", absl::ToUnixSeconds(clock_.Now()) + 600},
                   {"state", std::string(url->state.Reveal())},
                   {"code", "C1"}};
    return {.url = *std::move(url), .claims = std::move(claims)};
  }

  static std::string Jwt(const Json& claims) {
    return "e30." + Base64UrlEncode(claims.dump()) + ".c2ln";
  }
  absl::StatusOr<CallbackAnswer> SubmitJwt(const Begun& begun) {
    return Submit("response=" + Jwt(begun.claims), begun.url.browser_binding);
  }
};

TEST_F(JwtResponses, EndInAGrant) {
  const Begun begun = BeginByJwt();
  const auto answer = SubmitJwt(begun);
  ASSERT_OK(answer);
  EXPECT_EQ(answer->grant.id_token.subject, "alice");
  EXPECT_THAT(provider_->sent(), ElementsAre("code C1"));
  const auto again = SubmitJwt(begun);
  ASSERT_OK(again);
  EXPECT_EQ(again->grant.id, answer->grant.id);
}

TEST_F(JwtResponses, AreRefusedWithNoCodeSent) {
  struct {
    const char* name;
    Json changes;
    Reason reason;
  } const rows[] = {
      {"jarm-iss-wrong", {{"iss", "https://op.example1"}}, Reason::kIssuerMismatch},
      {"jarm-aud-missing", {{"aud", nullptr}}, Reason::kClaimMissing},
      {"jarm-exp-expired", {{"exp", 1}}, Reason::kTokenExpired},
      {"no code", {{"code", nullptr}}, Reason::kResponseParametersMismatch},
      {"more than was asked for", {{"id_token", "a.b.c"}}, Reason::kResponseParametersMismatch},
  };
  for (const auto& row : rows) {
    Begun begun = BeginByJwt();
    begun.claims.merge_patch(row.changes);
    EXPECT_THAT(SubmitJwt(begun), FailsWith(row.reason)) << row.name;
    EXPECT_THAT(provider_->sent(), IsEmpty()) << row.name;
  }
}

TEST_F(JwtResponses, AreNotBelievedBeforeTheirSignature) {
  // jarm-error-unverified
  Begun begun = BeginByJwt();
  begun.claims.erase("code");
  begun.claims["error"] = "access_denied";
  provider_->signature_error = Error(Reason::kSignatureInvalid);
  EXPECT_THAT(SubmitJwt(begun), FailsWith(Reason::kSignatureInvalid));
  provider_->signature_error = absl::OkStatus();
  Begun other = BeginByJwt();
  other.claims.erase("code");
  other.claims["error"] = "access_denied";
  EXPECT_THAT(SubmitJwt(other), FailsWith(Reason::kProviderDenied));
}

TEST_F(JwtResponses, AreNotReplacedByPlainOnes) {
  // jarm-downgrade
  const Begun begun = BeginByJwt();
  EXPECT_THAT(
      Submit("code=C1&state=" + std::string(begun.url.state.Reveal()), begun.url.browser_binding),
      FailsWith(Reason::kResponseModeMismatch));
  EXPECT_THAT(provider_->sent(), IsEmpty());
}

TEST_F(JwtResponses, AreRefusedWhereNoneWasAskedFor) {
  const Begun begun = BeginByJwt("form_post");
  EXPECT_THAT(SubmitJwt(begun), FailsWith(Reason::kResponseModeMismatch));
  EXPECT_THAT(provider_->sent(), IsEmpty());
}

TEST_F(CallbackSubmission, NeedsTheStateHashWhereTheClientSaysSo) {
  // idt-shash-missing
  Client client = MakeClient(provider_);
  client.requires_state_hash = true;
  UseClient(std::move(client));
  const SignInParts parts = Prepare("code id_token");
  EXPECT_THAT(Submit(parts.body, parts.url.browser_binding), FailsWith(Reason::kSHashMismatch));
  EXPECT_THAT(provider_->sent(), IsEmpty());
}

// R3: the code is spent, and the tokens are nowhere else.
class StoreAwayAfterTheCode : public CallbackSubmission {
 protected:
  StoreAwayAfterTheCode()
      : StoreAwayAfterTheCode(std::make_unique<storage::MemoryGrantStore>(clock_)) {}
  // Before the store inside goes.
  ~StoreAwayAfterTheCode() override { runtime_.Stop(); }

  FaultyGrantStore* faulty_ = nullptr;
  FakeSpool spool_;

 private:
  explicit StoreAwayAfterTheCode(std::unique_ptr<grants::GrantStore> inner)
      : CallbackSubmission(std::make_unique<FaultyGrantStore>(*inner)), inner_(std::move(inner)) {
    faulty_ = static_cast<FaultyGrantStore*>(store_.get());
    broker_ = AddReplica({.replica = "spooling", .spool = &spool_});
  }
  const std::unique_ptr<grants::GrantStore> inner_;
};

TEST_F(StoreAwayAfterTheCode, IsWaitedForWithTheTokensOnDisk) {
  const SignInParts parts = Prepare("code");
  const Secret id_token(Claims(parts.nonce).dump());
  provider_->Forget();
  provider_->Answer(Now([&](const auto&) -> absl::StatusOr<oauth::TokenResponse> {
    faulty_->FailCalls(1, 3, FaultyGrantStore::Fault::kRefused);
    return oauth::TokenResponse{.access_token = Secret("AT1"),
                                .token_type = "Bearer",
                                .lifetime = absl::Hours(1),
                                .refresh_token = Secret("RT1"),
                                .id_token = id_token.Copy()};
  }));
  const auto answer = Submit(parts.body, parts.url.browser_binding);
  ASSERT_OK(answer);
  EXPECT_EQ(spool_.puts(), 1);
  EXPECT_TRUE(spool_.empty());
  EXPECT_THAT(provider_->revoked(), IsEmpty());
  EXPECT_EQ(TokenOf(Get(answer->grant.id)), "AT1");
}

// R3: a process that ends meanwhile leaves the sign-in to the next one, and the caller who asks
// again gets its answer.
TEST_F(StoreAwayAfterTheCode, LeavesTheSignInToTheNextProcess) {
  grants::Grant grant = SignIn();
  const SignInParts parts = Prepare("code");
  const std::string digest = Sha256(absl::StrCat("form", Sha256(parts.body)));
  ASSERT_OK(Run(store_->ClaimAuthorization(parts.url.state.Copy(), digest)));
  grant.id = "of-the-former-process";
  grant.refresh_token = Secret("RT7");
  const grants::FinishedSignIn sign_in{
      parts.url.state.Copy(),
      {.grant_id = grant.id, .id_token_claims = Secret("{\"sub\":\"alice\"}")}};
  ASSERT_OK(spool_.Put("a", {.grant = std::move(grant)}, &sign_in));
  faulty_->FailCalls(1, 2, FaultyGrantStore::Fault::kRefused);  // the store is slow to come back
  broker_ = AddReplica({.replica = "next", .spool = &spool_});
  broker_->ReplaySpool();
  while (!spool_.empty()) std::this_thread::yield();
  const auto answer = Submit(parts.body, parts.url.browser_binding);
  ASSERT_OK(answer);
  EXPECT_EQ(answer->grant.id, "of-the-former-process");
  EXPECT_EQ(answer->grant.refresh_token->Reveal(), "RT7");
}

TEST_F(StoreAwayAfterTheCode, RevivesNoSignInThatMayHaveEnded) {
  grants::Grant grant = SignIn();
  grant.id = "long-ago";
  ASSERT_OK(spool_.Put("a", {.grant = std::move(grant)}, nullptr));
  clock_.Advance(kTombstoneLifetime);
  broker_ = AddReplica({.replica = "next", .spool = &spool_});
  broker_->ReplaySpool();
  while (!spool_.empty() || provider_->revoked().size() < 2) std::this_thread::yield();
  EXPECT_THAT(Run(store_->FindGrant("long-ago")), FailsWith(Reason::kGrantUnknown));
}

// A command line would take it for a flag. Without the rule one in 64 would begin so.
TEST_F(CallbackSubmission, NamesNoGrantByALeadingDash) {
  for (int i = 0; i < 400; ++i) EXPECT_NE(SignIn().id.front(), '-');
}

}  // namespace
}  // namespace tokenbroker::broker
