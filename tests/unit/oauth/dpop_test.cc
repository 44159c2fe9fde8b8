#include "oauth/dpop.h"

#include "base/error.h"
#include "gmock/gmock.h"
#include "jose/jws.h"
#include "support/signing_key.h"
#include "support/status_matchers.h"

namespace tokenbroker::oauth {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::MakeJwkSet;
using testing::SigningKey;

const absl::Time kNow = absl::FromUnixSeconds(1562262616) + absl::Milliseconds(900);

struct Proof {
  Json header;
  Json claims;
};

// Checks the signature with the key in the header, as a server does.
absl::StatusOr<Proof> Read(const Secret& proof) {
  auto header = jose::ParseUnverifiedHeader(proof.Reveal());
  if (!header.ok()) return header.status();
  auto jwt = jose::VerifyJws(proof.Reveal(), MakeJwkSet({header->members["jwk"]}),
                             {.algorithms = {header->algorithm.algorithm},
                              .accepted_types = {"dpop+jwt"},
                              .absent_type = jose::AbsentType::kRefused});
  if (!jwt.ok()) return jwt.status();
  auto claims = jose::ParseClaims(*jwt);
  if (!claims.ok()) return claims.status();
  return Proof{header->members, *claims};
}

class DpopAlgorithms : public ::testing::TestWithParam<jose::Algorithm> {};

// RFC 9449 section 4.2.
TEST_P(DpopAlgorithms, ProveOneRequestByTheKeyInTheHeader) {
  const SigningKey key = SigningKey::Shared(GetParam(), "");
  ASSERT_OK_AND_ASSIGN(
      const Secret text,
      MakeDpopProof(key.key(),
                    {.http_method = "POST", .http_uri = "https://server.example.com/token"},
                    nullptr, "-BwC3ESc6acc2lTc", kNow));
  ASSERT_OK_AND_ASSIGN(const Proof proof, Read(text));
  EXPECT_EQ(proof.header, (Json{{"typ", "dpop+jwt"},
                                {"alg", jose::AlgorithmName(GetParam())},
                                {"jwk", jose::PublicJwk(key.key().key())}}));
  for (const char* member : {"d", "p", "q", "dp", "dq", "qi"}) {
    EXPECT_FALSE(proof.header["jwk"].contains(member)) << member;
  }
  EXPECT_EQ(proof.claims, (Json{{"jti", "-BwC3ESc6acc2lTc"},
                                {"htm", "POST"},
                                {"htu", "https://server.example.com/token"},
                                {"iat", 1562262616}}));
}

INSTANTIATE_TEST_SUITE_P(All, DpopAlgorithms,
                         ::testing::Values(jose::Algorithm::kES256, jose::Algorithm::kEdDSA,
                                           jose::Algorithm::kPS256, jose::Algorithm::kRS256),
                         [](const auto& instance) {
                           return std::string(jose::AlgorithmName(instance.param));
                         });

// RFC 9449 sections 7.1 and 9: the example's access token, its `ath`, and its nonce.
TEST(DpopProof, NamesTheTokenAndTheNonceThatGoAlong) {
  const SigningKey key = SigningKey::Shared(jose::Algorithm::kES256, "");
  const Secret token("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
  ASSERT_OK_AND_ASSIGN(const Secret text,
                       MakeDpopProof(key.key(),
                                     {.http_method = "GET",
                                      .http_uri = "https://resource.example.org/protectedresource",
                                      .nonce = "eyJ7S_zG.eyJH0-Z.HX4w-7v"},
                                     &token, "e1j3V_bKic8-LAEB", kNow));
  ASSERT_OK_AND_ASSIGN(const Proof proof, Read(text));
  EXPECT_EQ(proof.claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
  EXPECT_EQ(proof.claims["nonce"], "eyJ7S_zG.eyJH0-Z.HX4w-7v");
}

// RFC 9449 section 4.2: `htu` is without query and fragment.
TEST(DpopProof, LeavesOutQueryAndFragment) {
  const SigningKey key = SigningKey::Shared(jose::Algorithm::kES256, "");
  for (const char* uri : {"https://op.example/token?tenant=1", "https://op.example/token#a",
                          "https://op.example/token?a#b?c", "https://op.example/token"}) {
    ASSERT_OK_AND_ASSIGN(
        const Secret text,
        MakeDpopProof(key.key(), {.http_method = "POST", .http_uri = uri}, nullptr, "j", kNow));
    ASSERT_OK_AND_ASSIGN(const Proof proof, Read(text));
    EXPECT_EQ(proof.claims["htu"], "https://op.example/token") << uri;
  }
}

TEST(DpopTarget, IsAMethodAndAUriAndPerhapsANonce) {
  const struct {
    DpopTarget target;
    const char* field;  // at fault; null: none
  } kRows[] = {
      {{"GET", "https://api.example/a"}, nullptr},
      {{"M-SEARCH", "http://127.0.0.1:80/"}, nullptr},
      {{"POST", "https://api.example", "a!#[]~"}, nullptr},
      {{"", "https://api.example/a"}, "http_method"},
      {{"GET /", "https://api.example/a"}, "http_method"},
      {{"G\r\nET", "https://api.example/a"}, "http_method"},
      {{std::string(33, 'A'), "https://api.example/a"}, "http_method"},
      {{"GET", ""}, "http_uri"},
      {{"GET", "/a"}, "http_uri"},
      {{"GET", "ftp://api.example/a"}, "http_uri"},
      {{"GET", "https:///a"}, "http_uri"},
      {{"GET", "https://user@api.example/a"}, "http_uri"},
      {{"GET", "https://api.example/a b"}, "http_uri"},
      {{"GET", "https://api.example/a?b=c"}, "http_uri"},
      {{"GET", "https://api.example/a#b"}, "http_uri"},
      {{"GET", "https://api.example/" + std::string(8192, 'a')}, "http_uri"},
      {{"GET", "https://api.example/a", "with space"}, "nonce"},
      {{"GET", "https://api.example/a", "quote\""}, "nonce"},
      {{"GET", "https://api.example/a", "back\\slash"}, "nonce"},
      {{"GET", "https://api.example/a", std::string(1025, 'a')}, "nonce"},
  };
  for (const auto& row : kRows) {
    const absl::Status status = CheckDpopTarget(row.target);
    const std::string what =
        row.target.http_method + " " + row.target.http_uri + " " + row.target.nonce;
    if (row.field == nullptr) {
      EXPECT_OK(status) << what;
    } else {
      EXPECT_THAT(status, FailsWith(Reason::kInvalidRequest)) << what;
      EXPECT_THAT(FieldOf(status)->first, HasSubstr(row.field)) << what;
    }
  }
}

// RFC 9449 sections 8 and 9.
TEST(DpopNonceChallenge, IsKnownByItsErrorWord) {
  constexpr char kBody[] = R"({"error":"use_dpop_nonce"})";
  constexpr char kChallenge[] =
      R"(DPoP error="use_dpop_nonce", error_description="Resource server requires nonce")";
  const struct {
    int status;
    const char* body;
    const char* www_authenticate;
    bool asks;
  } kRows[] = {
      {400, kBody, "", true},
      {401, kBody, "", true},
      {401, "", kChallenge, true},
      {401, "", R"(Bearer, dpop algs="ES256", error="use_dpop_nonce")", true},
      {200, kBody, kChallenge, false},
      {500, kBody, kChallenge, false},
      {400, "", kChallenge, false},
      {400, R"({"error":"invalid_dpop_proof"})", "", false},
      {400, R"({"error":["use_dpop_nonce"]})", "", false},
      {400, "use_dpop_nonce", "", false},
      {401, "", R"(Bearer error="use_dpop_nonce")", false},
      {401, "", R"(DPoP error="invalid_token")", false},
  };
  for (const auto& row : kRows) {
    EXPECT_EQ(AsksForDpopNonce({.status = row.status, .body = row.body}, row.www_authenticate),
              row.asks)
        << row.status << " " << row.body << " " << row.www_authenticate;
  }
}

}  // namespace
}  // namespace tokenbroker::oauth
