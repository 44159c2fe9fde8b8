#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "oauth/id_token.h"
#include "support/status_matchers.h"

namespace tokenbroker::oauth {
namespace {

using jose::Algorithm;
using jose::HashFunction;
using testing::FailsWith;
using testing::IsOk;

// The code and the access token of OIDC Core appendix A.3, A.4 and A.6, with their hashes.
constexpr std::string_view kCode = "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk";
constexpr std::string_view kAccessToken = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
constexpr std::string_view kState = "af0ifjsldkj";
constexpr const char* kCHash = "LDktKdoQak3Pk0cnXxCltA";
constexpr const char* kAtHash = "77QmUPtjPfzWtF2AnpK9RQ";
constexpr const char* kSHash = "bOhtX8F73IMjSPeVAqxyTQ";

jose::Jwt SignedWith(Algorithm algorithm, HashFunction hash) {
  return {.algorithm = algorithm, .hash = hash};
}

class Hashes : public ::testing::Test {
 protected:
  absl::Status Check(const Json& claims) const {
    return CheckHashes(SignedWith(Algorithm::kRS256, HashFunction::kSha256), claims, bindings_);
  }

  const Secret code_{kCode};
  const Secret access_token_{kAccessToken};
  const Secret state_{kState};
  HashBindings bindings_{.code = &code_,
                         .code_hash_required = true,
                         .access_token = &access_token_,
                         .access_token_hash_required = true,
                         .state = &state_};
};

TEST_F(Hashes, AreThoseOfOidcCoreAppendixA) {
  EXPECT_THAT(Check({{"c_hash", kCHash}, {"at_hash", kAtHash}}), IsOk());
  EXPECT_THAT(Check({{"c_hash", kCHash}, {"at_hash", kAtHash}, {"s_hash", kSHash}}), IsOk());
}

TEST_F(Hashes, MustBeThereWhereTheyBind) {
  // OIDC Core 3.3.2.11
  EXPECT_THAT(Check({{"at_hash", kAtHash}}), FailsWith(Reason::kCHashMissing));
  EXPECT_THAT(Check({{"c_hash", kCHash}}), FailsWith(Reason::kAtHashMissing));
  bindings_.state_hash_required = true;  // idt-shash-missing, FAPI
  EXPECT_THAT(Check({{"c_hash", kCHash}, {"at_hash", kAtHash}}), FailsWith(Reason::kSHashMismatch));
}

TEST_F(Hashes, MayBeAbsentInTheSecondIdToken) {
  // OIDC Core 3.3.3.6; idt-hybrid-fewer-claims-front
  bindings_.code_hash_required = false;
  bindings_.access_token_hash_required = false;
  EXPECT_THAT(Check(Json::object()), IsOk());
}

TEST_F(Hashes, AreCheckedWheneverTheyAreThere) {
  bindings_.code_hash_required = false;
  bindings_.access_token_hash_required = false;
  EXPECT_THAT(Check({{"c_hash", kAtHash}}), FailsWith(Reason::kCHashMismatch));
  // idt-athash-back-wrong, idt-athash-crossed
  EXPECT_THAT(Check({{"at_hash", kCHash}}), FailsWith(Reason::kAtHashMismatch));
  EXPECT_THAT(Check({{"s_hash", kCHash}}), FailsWith(Reason::kSHashMismatch));
}

TEST_F(Hashes, BindOnlyWhatTravelledAlong) {
  bindings_ = {.code = &code_, .code_hash_required = true};
  EXPECT_THAT(Check({{"c_hash", kCHash}, {"at_hash", "of a token that is not here"}}), IsOk());
  bindings_ = {.code_hash_required = true};
  EXPECT_THAT(Check({{"c_hash", kCHash}}), FailsWith(Reason::kCHashMismatch));
}

TEST_F(Hashes, HaveOneSpelling) {
  // idt-chash-encoding, idt-chash-wrong
  struct {
    const char* name;
    Json value;
    Reason reason;
  } const rows[] = {
      {"one more", "LDktKdoQak3Pk0cnXxCltA1", Reason::kCHashMismatch},
      {"full hash", "LDktKdoQak3Pk0cnXxCltBg_rC_3TKUb9OLk5fKO9uA", Reason::kCHashMismatch},
      {"hexadecimal", "2c392d29da106a4dcf9347275f10a5b4", Reason::kCHashMismatch},
      {"padding", "LDktKdoQak3Pk0cnXxCltA==", Reason::kCHashMismatch},
      {"right half", "GD-sL_dMpRv04uTl8o724A", Reason::kCHashMismatch},
      {"loose last bits", "LDktKdoQak3Pk0cnXxCltB", Reason::kCHashMismatch},
      {"prefix", "LDktKdoQak3Pk0cnXxClt", Reason::kCHashMismatch},
      {"case", "ldktKdoQak3Pk0cnXxCltA", Reason::kCHashMismatch},
      {"NUL", std::string("LDktKdoQak3Pk0cnXxCltA\0", 23), Reason::kCHashMismatch},
      {"empty", "", Reason::kCHashMismatch},
      {"number", 7, Reason::kClaimMalformed},
      {"null", nullptr, Reason::kClaimMalformed},
      {"array", Json::array({kCHash}), Reason::kClaimMalformed},
  };
  for (const auto& row : rows) {
    EXPECT_THAT(Check({{"c_hash", row.value}, {"at_hash", kAtHash}}), FailsWith(row.reason))
        << row.name;
  }
}

TEST_F(Hashes, UseTheHashOfTheTokensOwnAlgorithm) {
  // OIDC Core 3.1.3.6; idt-hash-alg-family, idt-hash-eddsa
  struct {
    const char* name;
    Algorithm algorithm;
    HashFunction hash;
    const char* c_hash;
    const char* at_hash;
  } const rows[] = {
      {"RS384", Algorithm::kRS384, HashFunction::kSha384, "Mq-knyaEMtWGfnBi2POEZb1kiLx10_DF",
       "jtAeDp945y1dDqU3nkIVGNZP1HjH_MFs"},
      {"ES384", Algorithm::kES384, HashFunction::kSha384, "Mq-knyaEMtWGfnBi2POEZb1kiLx10_DF",
       "jtAeDp945y1dDqU3nkIVGNZP1HjH_MFs"},
      {"PS512", Algorithm::kPS512, HashFunction::kSha512,
       "E9z1C-c0Az4eTEzE0Nm3OQ3BS2BhMgxuP7x5JAQj1_4",
       "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM"},
      {"Ed25519", Algorithm::kEdDSA, HashFunction::kSha512,
       "E9z1C-c0Az4eTEzE0Nm3OQ3BS2BhMgxuP7x5JAQj1_4",
       "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM"},
      {"Ed448", Algorithm::kEdDSA, HashFunction::kShake256,
       "07UgYISe6yaAzmTIBr_f2vchFCIs6bAGk1-36iEH00fq4B3eBih5g0r_kEPHpuYLqbXOq7gDBVpr",
       "W6Ie3EoycJT-JESJ2WSAWX7LRP3FuHvmvNycBMeL-NngYGhJXChp7YRUBdOXcrKGZD4qnhCAstjO"},
  };
  for (const auto& row : rows) {
    const jose::Jwt jwt = SignedWith(row.algorithm, row.hash);
    EXPECT_THAT(CheckHashes(jwt, {{"c_hash", row.c_hash}, {"at_hash", row.at_hash}}, bindings_),
                IsOk())
        << row.name;
    EXPECT_THAT(CheckHashes(jwt, {{"c_hash", kCHash}, {"at_hash", row.at_hash}}, bindings_),
                FailsWith(Reason::kCHashMismatch))
        << row.name;
    EXPECT_THAT(CheckHashes(jwt, {{"c_hash", row.c_hash}, {"at_hash", kAtHash}}, bindings_),
                FailsWith(Reason::kAtHashMismatch))
        << row.name;
  }
}

}  // namespace
}  // namespace tokenbroker::oauth
