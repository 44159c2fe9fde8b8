// Grants whose tokens are bound to a key, from the sign-in to the end (RFC 9449).
#include "broker/dpop.h"

#include "broker/broker_fixture.h"
#include "jose/jws.h"
#include "provider/back_off.h"

namespace tokenbroker::broker {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using testing::FailsWith;
using testing::IsOk;
using ::testing::Pair;

class BoundGrants : public BrokerTest {
 protected:
  BoundGrants()
      : BrokerTest(std::make_unique<storage::MemoryGrantStore>(clock_), [](Client& client) {
          client.dpop_algorithm = jose::Algorithm::kES256;
          client.allows_client_credentials = true;
        }) {}

  static Issue Bound(std::string access_token, std::string refresh_token) {
    return {.access_token = std::move(access_token),
            .refresh_token = std::move(refresh_token),
            .type = oauth::TokenType::kDpop};
  }
  grants::Grant SignIn() { return BrokerTest::SignIn(Bound("AT1", "RT1")); }

  std::string ThumbprintIn(const grants::Grant& grant) {
    const auto key = Load(grant.dpop_key);
    EXPECT_THAT(key, IsOk());
    return key.ok() && *key ? (*key)->Thumbprint() : "";
  }
  grants::Grant Stored(const std::string& grant_id) {
    auto grant = Run(broker_->GetGrant(asker_, grant_id));
    EXPECT_THAT(grant, IsOk());
    return *std::move(grant);
  }
  absl::StatusOr<TokenSnapshot> GetByCredentials() {
    AccessTokenQuery query{.selector = ByClientCredentials{"shop"}};
    return Run(broker_->GetAccessToken(asker_, std::move(query), InTime()));
  }

  static constexpr char kApi[] = "https://api.example/orders";
};

TEST_F(BoundGrants, HaveTheirKeyInTheAuthorizationRequestAndTheTokenRequest) {
  const grants::Grant grant = SignIn();
  const std::string thumbprint = ThumbprintIn(grant);
  EXPECT_EQ(thumbprint.size(), 43U);
  EXPECT_THAT(provider_->proven(), ElementsAre(thumbprint));
}

TEST_F(BoundGrants, AreAnnouncedByTheThumbprintOfAKeyOfTheirOwn) {
  auto one = Begin();
  auto two = Begin();
  ASSERT_THAT(one, IsOk());
  ASSERT_THAT(two, IsOk());
  EXPECT_EQ(ParameterOf(one->url, "dpop_jkt").size(), 43U);
  EXPECT_NE(ParameterOf(one->url, "dpop_jkt"), ParameterOf(two->url, "dpop_jkt"));
  Secret state = one->state.Copy();
  const auto pending = Run(store_->FindAuthorization(std::move(state)));
  ASSERT_THAT(pending, IsOk());
  const auto key = Load(pending->dpop_key);
  ASSERT_THAT(key, IsOk());
  EXPECT_EQ((*key)->Thumbprint(), ParameterOf(one->url, "dpop_jkt"));
}

// RFC 9449 section 6.1: a token that is bound to another key is of no use, and not ours.
TEST_F(BoundGrants, RefuseATokenThatNamesAnotherKey) {
  const grants::Grant grant = SignIn();
  const auto token = [](const Json& claims) {
    return Base64UrlEncode(R"({"alg":"RS256"})") + "." + Base64UrlEncode(claims.dump()) + ".sig";
  };
  const std::string issuer = "https://op.example";
  const std::string ours =
      token({{"iss", issuer}, {"cnf", {{"jkt", ThumbprintIn(grant)}}}, {"n", "ours"}});
  const std::string foreign = token({{"iss", issuer}, {"cnf", {{"jkt", "another"}}}});
  const std::string of_another_issuer =
      token({{"iss", "https://else.example"}, {"cnf", {{"jkt", "another"}}}});
  const std::string silent = token({{"iss", issuer}});
  std::string held = "AT1";
  int number = 1;
  for (const std::string& good : {ours, of_another_issuer, silent}) {
    provider_->Answer(Issues(Bound(good, "RT" + std::to_string(++number))));
    EXPECT_EQ(TokenOf(Get(grant.id, {.rejected_access_token = Secret(held)})), good);
    held = good;
  }
  provider_->Answer(Issues(Bound(foreign, "RT5")));
  const auto refused = Get(grant.id, {.rejected_access_token = Secret(held)});
  EXPECT_THAT(refused, FailsWith(Reason::kProviderResponseInvalid));
  EXPECT_THAT(MetadataOf(refused.status()), Contains(Pair("check", "TOKEN_NOT_BOUND")));
  EXPECT_EQ(Run(store_->FindGrant(grant.id))->refresh_token->Reveal(), "RT5");
}

TEST_F(BoundGrants, KeepTheirKeyThroughRefreshes) {
  const grants::Grant grant = SignIn();
  for (const char* const next : {"2", "3"}) {
    clock_.Advance(absl::Hours(2));
    provider_->Answer(Issues(Bound(std::string("AT") + next, std::string("RT") + next)));
    EXPECT_EQ(TokenOf(Get(grant.id)), std::string("AT") + next);
  }
  EXPECT_EQ(ThumbprintIn(Stored(grant.id)), ThumbprintIn(grant));
  EXPECT_THAT(provider_->proven(), Each(ThumbprintIn(grant)));
  EXPECT_THAT(provider_->sent(), ElementsAre("code C1", "refresh RT1", "refresh RT2"));
}

TEST_F(BoundGrants, LoseTheirKeyWithTheirTokens) {
  const grants::Grant grant = SignIn();
  std::string id = grant.id;
  ASSERT_THAT(Run(broker_->RevokeGrant(asker_, std::move(id), InTime())), IsOk());
  EXPECT_FALSE(Stored(grant.id).dpop_key.has_value());
}

TEST_F(BoundGrants, ProveTheirKeyAtUserInfo) {
  const grants::Grant grant = SignIn();
  ASSERT_THAT(Run(broker_->GetUserInfo(asker_, grant.id, InTime())), IsOk());
  EXPECT_THAT(provider_->proven(), ElementsAre(ThumbprintIn(grant), ThumbprintIn(grant)));
}

TEST_F(BoundGrants, GiveProofsForTheirTokens) {
  const grants::Grant grant = SignIn();
  const auto token = Get(grant.id);
  ASSERT_THAT(token, IsOk());
  EXPECT_EQ((*token)->token_type, "DPoP");
  const oauth::DpopTarget target{.http_method = "GET", .http_uri = kApi, .nonce = "n-1"};
  const auto proof = broker_->ProvePossession(**token, target);
  ASSERT_THAT(proof, IsOk());
  const auto key = Load(grant.dpop_key);
  ASSERT_THAT(key, IsOk());
  const std::string keys = Json{{"keys", {jose::PublicJwk((*key)->key())}}}.dump();
  const auto set = jose::JwkSet::Parse(keys);
  ASSERT_THAT(set, IsOk());
  const auto jwt =
      jose::VerifyJws(proof->Reveal(), *set,
                      {.algorithms = {jose::Algorithm::kES256}, .accepted_types = {"dpop+jwt"}});
  ASSERT_THAT(jwt, IsOk());
  Json claims = *jose::ParseClaims(*jwt);
  EXPECT_FALSE(claims["jti"].get<std::string>().empty());
  claims.erase("jti");
  EXPECT_EQ(claims, (Json{{"htm", "GET"},
                          {"htu", kApi},
                          {"iat", absl::ToUnixSeconds(clock_.Now())},
                          {"nonce", "n-1"},
                          {"ath", Base64UrlEncode(Sha256("AT1"))}}));
  const auto another = broker_->ProvePossession(**token, target);
  ASSERT_THAT(another, IsOk());
  EXPECT_NE(proof->Reveal(), another->Reveal());
}

TEST_F(BoundGrants, GiveProofsFromTheCache) {
  const grants::Grant grant = SignIn();
  ASSERT_THAT(Get(grant.id), IsOk());
  const AccessTokenQuery query{.selector = ByGrantId{grant.id}};
  const TokenSnapshot token = broker_->FindAccessToken(asker_, query);
  ASSERT_NE(token, nullptr);
  EXPECT_THAT(broker_->ProvePossession(*token, {.http_method = "GET", .http_uri = kApi}), IsOk());
}

TEST_F(BoundGrants, BindTheClientsOwnTokensToo) {
  provider_->Answer(Issues({.access_token = "CC1", .type = oauth::TokenType::kDpop}));
  const auto token = GetByCredentials();
  ASSERT_THAT(token, IsOk());
  ASSERT_NE((*token)->dpop_key, nullptr);
  EXPECT_THAT(provider_->proven(), ElementsAre((*token)->dpop_key->Thumbprint()));
}

// The provider did not look at the refresh token: the next try need not wait for the access
// token's end, as it must after an answer that cannot be read.
TEST_F(BoundGrants, SendTheRefreshTokenAgainAfterARefusedProof) {
  for (const char* const error : {"use_dpop_nonce", "invalid_dpop_proof"}) {
    SCOPED_TRACE(error);
    const grants::Grant grant = SignIn();
    absl::Status refusal =
        Error(Reason::kProviderResponseInvalid, {{"error", error}, {"delivery", "answered"}});
    provider_->Answer(Fails(refusal));
    const auto refused = [&] {
      AccessTokenQuery query;
      query.rejected_access_token = Secret("AT1");
      return Get(grant.id, std::move(query));
    };
    EXPECT_THAT(refused(), FailsWith(Reason::kProviderResponseInvalid));
    EXPECT_FALSE(Stored(grant.id).intent.has_value());
    clock_.Advance(provider::kMaxBackOff);
    provider_->Answer(Issues(Bound("AT2", "RT2")));
    EXPECT_EQ(TokenOf(refused()), "AT2");
  }
}

TEST_F(BoundGrants, AreNotBegunWithAnAlgorithmThatTheProviderDoesNotTake) {
  provider_->metadata.dpop_signing_alg_values_supported = {"PS256", "EdDSA"};
  const auto url = Begin();
  EXPECT_THAT(url, FailsWith(Reason::kProviderMisconfigured));
  EXPECT_THAT(MetadataOf(url.status()),
              Contains(Pair("member", "dpop_signing_alg_values_supported")));
  provider_->metadata.dpop_signing_alg_values_supported = {"ES256"};
  EXPECT_THAT(Begin(), IsOk());
}

// A grant stays what it was made as, so that switching DPoP on or off ends none.
class GrantsFromBefore : public BrokerTest {};

TEST_F(GrantsFromBefore, KeepTheKeyThatTheyHave) {
  const grants::Grant bearer = SignIn();
  auto key = jose::PrivateKey::Generate(jose::Algorithm::kEdDSA, "");
  ASSERT_THAT(key, IsOk());
  const oauth::DpopKey shared = std::make_shared<const jose::PrivateKey>(*key);
  auto stored = Store(shared);
  ASSERT_THAT(stored, IsOk());
  grants::Grant bound = bearer.Copy();
  bound.id = "bound";
  bound.dpop_key = *std::move(stored);
  ASSERT_THAT(Run(store_->CreateGrant(bound.Copy())), IsOk());
  clock_.Advance(absl::Hours(2));
  provider_->Answer(
      Issues({.access_token = "AT2", .refresh_token = "RT2", .type = oauth::TokenType::kDpop}));
  EXPECT_EQ(TokenOf(Get("bound")), "AT2");
  EXPECT_THAT(provider_->proven(), ElementsAre("", shared->Thumbprint()));
}

TEST_F(GrantsFromBefore, HaveNoProofs) {
  const grants::Grant bearer = SignIn();
  const auto token = Get(bearer.id);
  ASSERT_THAT(token, IsOk());
  EXPECT_EQ((*token)->dpop_key, nullptr);
  const auto proof =
      broker_->ProvePossession(**token, {.http_method = "GET", .http_uri = "https://a.example"});
  EXPECT_THAT(proof, FailsWith(Reason::kInvalidRequest));
  EXPECT_EQ(FieldOf(proof.status())->first, "dpop_proof_for");
}

TEST(StoredDpopKeys, AreReadAsTheyWereWritten) {
  for (const auto algorithm : {jose::Algorithm::kES256, jose::Algorithm::kEdDSA,
                               jose::Algorithm::kPS256, jose::Algorithm::kRS256}) {
    const auto key = MakeDpopKey({.dpop_algorithm = algorithm});
    ASSERT_THAT(key, IsOk());
    const auto stored = Store(*key);
    ASSERT_THAT(stored, IsOk());
    const auto read = Load(*stored);
    ASSERT_THAT(read, IsOk());
    EXPECT_EQ((*read)->algorithm(), algorithm);
    EXPECT_EQ((*read)->Thumbprint(), (*key)->Thumbprint());
  }
}

TEST(StoredDpopKeys, AreRefusedWhereTheyAreNone) {
  auto key = jose::PrivateKey::Generate(jose::Algorithm::kES256, "");
  ASSERT_THAT(key, IsOk());
  auto pem = key->ToPem();
  ASSERT_THAT(pem, IsOk());
  const auto load = [](std::string algorithm, std::string_view text) {
    return Load(grants::StoredKey{.algorithm = std::move(algorithm), .pem = Secret(text)});
  };
  EXPECT_THAT(load("ES256", pem->Reveal()), IsOk());
  for (const char* const algorithm : {"", "none", "HS256", "ES384", "RS256"}) {
    EXPECT_THAT(load(algorithm, pem->Reveal()), FailsWith(Reason::kRecordUnreadable)) << algorithm;
  }
  EXPECT_THAT(load("ES256", "no key"), FailsWith(Reason::kRecordUnreadable));
}

TEST(StoredDpopKeys, AreNoneForBearerTokens) {
  const auto key = MakeDpopKey(Client{});
  ASSERT_THAT(key, IsOk());
  EXPECT_EQ(*key, nullptr);
  const auto stored = Store(*key);
  ASSERT_THAT(stored, IsOk());
  EXPECT_FALSE(stored->has_value());
  const auto read = Load(*stored);
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(*read, nullptr);
}

}  // namespace
}  // namespace tokenbroker::broker
