// What a provider is sent, and sent again, where tokens are bound to keys (RFC 9449).
#include <set>

#include "base/base64url.h"
#include "base/error.h"
#include "base/sha256.h"
#include "gmock/gmock.h"
#include "jose/jws.h"
#include "provider/http_provider.h"
#include "support/signing_key.h"
#include "support/status_matchers.h"
#include "unit/provider/provider_fixture.h"

namespace tokenbroker::provider {
namespace {

using ::testing::Contains;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;
using ::tokenbroker::testing::FailsWith;
using ::tokenbroker::testing::IsOk;
using ::tokenbroker::testing::IsOkAndHolds;
using ::tokenbroker::testing::JsonResponse;
using ::tokenbroker::testing::MakeJwkSet;
using ::tokenbroker::testing::RecordedRequest;
using ::tokenbroker::testing::SigningKey;

constexpr char kDpopTokens[] = R"({"access_token":"at","token_type":"DPoP","expires_in":300})";
constexpr char kBearerTokens[] = R"({"access_token":"at","token_type":"Bearer"})";

HttpResponse WithNonce(HttpResponse response, std::string nonce) {
  response.headers.emplace_back("dpop-nonce", std::move(nonce));
  return response;
}
HttpResponse Challenge(std::string nonce, int status = 400) {
  return WithNonce(JsonResponse(status, R"({"error":"use_dpop_nonce"})"), std::move(nonce));
}

class DpopRequests : public ProviderFixture {
 protected:
  DpopRequests() {
    registration_.authentications.push_back(oauth::ClientSecretBasic{Secret("new-secret")});
    registration_.authentications.push_back(oauth::ClientSecretBasic{Secret("old-secret")});
    http_.AnswerWith(kDiscoveryUrl,
                     [](const auto&) { return JsonResponse(200, DiscoveryDocument().dump()); });
  }

  absl::StatusOr<oauth::TokenResponse> RequestToken(oauth::AuthorizationGrant grant) {
    return RunBlocking(
        runtime_, provider_.RequestToken(registration_, std::move(grant), key_, Permit(), Soon()));
  }
  absl::StatusOr<oauth::TokenResponse> RedeemCode() {
    return RequestToken(oauth::AuthorizationCode{.code = Secret("code"),
                                                 .redirect_uri = "https://app.example/cb",
                                                 .code_verifier = Secret("verifier")});
  }
  absl::StatusOr<oauth::TokenResponse> Refresh() {
    return RequestToken(oauth::RefreshToken{.refresh_token = Secret("rt")});
  }
  absl::StatusOr<Json> FetchUserInfo() {
    return RunBlocking(runtime_,
                       provider_.FetchUserInfo(registration_, Secret("at"), key_, "alice", Soon()));
  }

  // The claims of a request's proof, whose signature must be the key's.
  Json ProofOf(const RecordedRequest& request) {
    const auto header = request.headers.find("dpop");
    if (header == request.headers.end()) return nullptr;
    const auto jwt = jose::VerifyJws(header->second, MakeJwkSet({jose::PublicJwk(key_->key())}),
                                     {.algorithms = {jose::Algorithm::kES256},
                                      .accepted_types = {"dpop+jwt"},
                                      .absent_type = jose::AbsentType::kRefused});
    EXPECT_OK(jwt);
    return jwt.ok() ? *jose::ParseClaims(*jwt) : Json();
  }
  std::vector<Json> ProofsFor(std::string_view url) {
    std::vector<Json> proofs;
    for (const RecordedRequest& request : http_.requests_for(url)) {
      proofs.push_back(ProofOf(request));
    }
    return proofs;
  }

  Registration registration_ = {.client_id = "client"};
  oauth::DpopKey key_ = std::make_shared<const jose::PrivateKey>(
      SigningKey::Shared(jose::Algorithm::kES256, "").key());
  HttpProvider provider_{
      runtime_,
      http_,
      clock_,
      log_,
      {.name = "op", .issuer = std::string(kIssuerUrl), .retry_pause = absl::ZeroDuration()}};
};

TEST_F(DpopRequests, ProveTheKeyAtTheTokenEndpoint) {
  http_.Enqueue(kTokenUrl, JsonResponse(200, kDpopTokens));
  ASSERT_OK_AND_ASSIGN(const oauth::TokenResponse tokens, RedeemCode());
  EXPECT_EQ(tokens.token_type, "DPoP");
  const auto proofs = ProofsFor(kTokenUrl);
  ASSERT_THAT(proofs, SizeIs(1));
  EXPECT_EQ(proofs[0]["htm"], "POST");
  EXPECT_EQ(proofs[0]["htu"], kTokenUrl);
  EXPECT_EQ(proofs[0]["iat"], absl::ToUnixSeconds(clock_.Now()));
  EXPECT_GE(proofs[0]["jti"].get<std::string>().size(), 16U);
  EXPECT_FALSE(proofs[0].contains("ath"));
  EXPECT_FALSE(proofs[0].contains("nonce"));
}

TEST_F(DpopRequests, ProveTheKeyAndTheTokenAtUserInfo) {
  http_.Enqueue(kUserInfoUrl, JsonResponse(200, R"({"sub":"alice"})"));
  EXPECT_OK(FetchUserInfo());
  const auto requests = http_.requests_for(kUserInfoUrl);
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_THAT(requests[0].headers, Contains(Pair("authorization", "DPoP at")));
  const Json proof = ProofOf(requests[0]);
  EXPECT_EQ(proof["htm"], "GET");
  EXPECT_EQ(proof["htu"], kUserInfoUrl);
  EXPECT_EQ(proof["ath"], Base64UrlEncode(Sha256("at")));
}

TEST_F(DpopRequests, HaveNoProofWithoutAKey) {
  key_ = nullptr;
  http_.Enqueue(kTokenUrl, WithNonce(JsonResponse(200, kBearerTokens), "n"));
  http_.Enqueue(kUserInfoUrl, JsonResponse(200, R"({"sub":"alice"})"));
  EXPECT_OK(Refresh());
  EXPECT_OK(FetchUserInfo());
  for (const auto& request : http_.requests()) {
    EXPECT_THAT(request.headers, Not(Contains(Key("dpop"))));
  }
}

// `tok-dpop-nonce`, once: the code is not spent by the challenge (RFC 9449 section 8).
TEST_F(DpopRequests, AreSentOnceMoreWithTheNonceThatIsAskedFor) {
  http_.Enqueue(kTokenUrl, Challenge("n-1"));
  http_.Enqueue(kTokenUrl, JsonResponse(200, kDpopTokens));
  EXPECT_OK(RedeemCode());
  const auto proofs = ProofsFor(kTokenUrl);
  ASSERT_THAT(proofs, SizeIs(2));
  EXPECT_EQ(proofs[1]["nonce"], "n-1");
  EXPECT_NE(proofs[0]["jti"], proofs[1]["jti"]);
}

// `tok-dpop-nonce`, for ever.
TEST_F(DpopRequests, AreSentTwiceAtMost) {
  int challenges = 0;
  http_.AnswerWith(kTokenUrl,
                   [&](const auto&) { return Challenge("n-" + std::to_string(++challenges)); });
  const auto tokens = RedeemCode();
  EXPECT_THAT(tokens, FailsWith(Reason::kProviderResponseInvalid));
  EXPECT_THAT(MetadataOf(tokens.status()), Contains(Pair("error", "use_dpop_nonce")));
  EXPECT_EQ(DeliveryOf(tokens.status()), Delivery::kAnswered);
  EXPECT_EQ(challenges, 2);
}

// `tok-dpop-nonce` with DPoP off.
TEST_F(DpopRequests, AreNotRepeatedWithoutAKey) {
  key_ = nullptr;
  http_.AnswerWith(kTokenUrl, [](const auto&) { return Challenge("n"); });
  EXPECT_THAT(Refresh(), FailsWith(Reason::kProviderResponseInvalid));
  EXPECT_THAT(http_.requests_for(kTokenUrl), SizeIs(1));
}

TEST_F(DpopRequests, AreNotRepeatedWhereTheNonceIsMissing) {
  http_.AnswerWith(kTokenUrl,
                   [](const auto&) { return JsonResponse(400, R"({"error":"use_dpop_nonce"})"); });
  EXPECT_THAT(RedeemCode(), FailsWith(Reason::kProviderResponseInvalid));
  EXPECT_THAT(http_.requests_for(kTokenUrl), SizeIs(1));
}

TEST_F(DpopRequests, AreNotRepeatedForAnyOtherError) {
  http_.AnswerWith(kTokenUrl, [](const auto&) {
    return WithNonce(JsonResponse(400, R"({"error":"invalid_grant"})"), "n");
  });
  EXPECT_THAT(RedeemCode(), FailsWith(Reason::kReauthorizationRequired));
  EXPECT_THAT(http_.requests_for(kTokenUrl), SizeIs(1));
}

TEST_F(DpopRequests, HaveTheNewestNonceAtOnce) {
  http_.Enqueue(kTokenUrl, Challenge("n-1"));
  http_.Enqueue(kTokenUrl, WithNonce(JsonResponse(200, kDpopTokens), "n-2"));
  http_.Enqueue(kTokenUrl, JsonResponse(200, kDpopTokens));
  EXPECT_OK(Refresh());
  EXPECT_OK(Refresh());
  const auto proofs = ProofsFor(kTokenUrl);
  ASSERT_THAT(proofs, SizeIs(3));
  EXPECT_EQ(proofs[2]["nonce"], "n-2");
  std::set<std::string> ids;
  for (const Json& proof : proofs) ids.insert(proof["jti"]);
  EXPECT_THAT(ids, SizeIs(3));
}

// RFC 9449 section 9: a resource server challenges with 401 and WWW-Authenticate.
TEST_F(DpopRequests, AnswerTheChallengeOfUserInfo) {
  HttpResponse challenge = WithNonce(JsonResponse(401, ""), "n-1");
  challenge.headers.emplace_back("www-authenticate", R"(DPoP error="use_dpop_nonce")");
  http_.Enqueue(kUserInfoUrl, std::move(challenge));
  http_.Enqueue(kUserInfoUrl, JsonResponse(200, R"({"sub":"alice"})"));
  EXPECT_THAT(FetchUserInfo(), IsOkAndHolds(Json({{"sub", "alice"}})));
  EXPECT_EQ(ProofsFor(kUserInfoUrl).at(1)["nonce"], "n-1");
}

TEST_F(DpopRequests, TryTheNextSecretAfterAChallengeToo) {
  http_.Enqueue(kTokenUrl, Challenge("n-1"));
  http_.Enqueue(kTokenUrl, JsonResponse(401, R"({"error":"invalid_client"})"));
  http_.Enqueue(kTokenUrl, JsonResponse(200, kDpopTokens));
  EXPECT_OK(Refresh());
  const auto requests = http_.requests_for(kTokenUrl);
  ASSERT_THAT(requests, SizeIs(3));
  EXPECT_EQ(requests[0].headers.at("authorization"), requests[1].headers.at("authorization"));
  EXPECT_NE(requests[1].headers.at("authorization"), requests[2].headers.at("authorization"));
}

struct TypeCase {
  std::string name;
  bool with_key;
  std::string token_type;  // a JSON value; empty: absent
  bool is_taken;
};

void PrintTo(const TypeCase& row, std::ostream* os) { *os << row.name; }

class TokenTypes : public DpopRequests, public ::testing::WithParamInterface<TypeCase> {};

TEST_P(TokenTypes, AreTheOneAskedFor) {
  if (!GetParam().with_key) key_ = nullptr;
  const std::string& type = GetParam().token_type;
  const std::string member = type.empty() ? "" : R"(,"token_type":)" + type;
  http_.Enqueue(kTokenUrl, JsonResponse(200, R"({"access_token":"at")" + member + "}"));
  const auto tokens = Refresh();
  if (GetParam().is_taken) {
    ASSERT_OK(tokens);
    EXPECT_EQ(tokens->token_type, GetParam().with_key ? "DPoP" : "Bearer");
  } else {
    EXPECT_THAT(tokens, FailsWith(Reason::kProviderResponseInvalid));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, TokenTypes,
    ::testing::Values(TypeCase{"tok_type_dpop_downgrade_bearer", true, R"("Bearer")", false},
                      TypeCase{"tok_type_dpop_downgrade_none", true, "", false},
                      TypeCase{"tok_type_dpop_downgrade_null", true, "null", false},
                      TypeCase{"dpop", true, R"("DPoP")", true},
                      TypeCase{"dpop_in_lower_case", true, R"("dpop")", true},
                      TypeCase{"tok_type_dpop_unexpected", false, R"("DPoP")", false},
                      TypeCase{"bearer", false, R"("bearer")", true}),
    [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace tokenbroker::provider
