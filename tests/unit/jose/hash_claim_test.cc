#include "jose/hash_claim.h"

#include "gmock/gmock.h"

namespace tokenbroker::jose {
namespace {

constexpr std::string_view kCode = "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk";
constexpr std::string_view kAccessToken = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";

// OIDC Core appendix A.4 and A.6: ID tokens signed with RS256.
TEST(HashClaim, IsWhatOpenIdConnectCoreShows) {
  EXPECT_EQ(HashClaim(HashFunction::kSha256, kCode), "LDktKdoQak3Pk0cnXxCltA");
  EXPECT_EQ(HashClaim(HashFunction::kSha256, kAccessToken), "77QmUPtjPfzWtF2AnpK9RQ");
}

// OIDC Core 3.1.3.6: "the hash algorithm used is the hash algorithm used in the alg".
TEST(HashClaim, IsTheLeftHalfOfTheAlgorithmsHash) {
  EXPECT_EQ(HashClaim(HashFunction::kSha384, kAccessToken), "jtAeDp945y1dDqU3nkIVGNZP1HjH_MFs");
  EXPECT_EQ(HashClaim(HashFunction::kSha512, kAccessToken),
            "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM");
}

// The value in the issue that settled EdDSA's hash (openid/connect#1125).
TEST(HashClaim, UsesSha512ForEd25519) {
  EXPECT_EQ(HashClaim(HashFunction::kSha512,
                      "YmJiZTAwYmYtMzgyOC00NzhkLTkyOTItNjJjNDM3MGYzOWIy9sFhvH8K_"
                      "x8UIHj1osisS57f5DduL"),
            "p2LHG4H-8pYDc0hyVOo3iIHvZJUqe9tbj3jESOuXbkY");
}

TEST(HashClaim, TakesFiftySevenBytesOfShake256ForEd448) {
  EXPECT_EQ(HashClaim(HashFunction::kShake256, kAccessToken),
            "W6Ie3EoycJT-JESJ2WSAWX7LRP3FuHvmvNycBMeL-NngYGhJXChp7YRUBdOXcrKGZD4qnhCAstjO");
}

}  // namespace
}  // namespace tokenbroker::jose
