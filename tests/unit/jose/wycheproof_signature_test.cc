// Wycheproof's vectors for JWS and JWK (github.com/C2SP/wycheproof), where WYCHEPROOF_DIR names a
// directory that holds them. Every vector must come out as its label says, but for those listed
// here.
#include <map>
#include <string>
#include <vector>

#include "base/base64url.h"
#include "base/secret.h"
#include "gmock/gmock.h"
#include "jose/jws.h"
#include "support/status_matchers.h"
#include "unit/jose/test_data.h"

namespace tokenbroker::jose {
namespace {

// By tcId, with the reason; our answer is the opposite of the label.
using Differences = std::map<int, const char*>;

const Differences& JwsDifferences() {
  static const Differences differences = {
      {346, "the key's alg is PS256, the token's PS384: a key is used with its own alg alone"},
      {347, "the key's alg is ES521, which is no algorithm (RFC 7518 section 3.1)"},
      {350, "as 346, with key_ops"},
      {351, "as 347, with key_ops"},
      {367, "labelled invalid, but byte for byte the token of 357, which is labelled valid"},
      {370, "as 367"},
      {372, "labelled valid, but the header has a character outside base64url"},
      {373, "labelled valid, but the payload has a character outside base64url"},
  };
  return differences;
}

const Differences& JwkDifferences() {
  static const Differences differences = {
      {1,
       "a set that mixes HMAC with public keys: secrets never come from a set here, the test's "
       "HMAC key is the client's own"},
  };
  return differences;
}

JwsPolicy PolicyFor(const Json& key) {
  JwsPolicy policy;
  const auto pinned = ParseAlgorithm(key.value("alg", ""));
  if (pinned) {
    policy.algorithms = {*pinned};
  } else {
    policy.algorithms = {Algorithm::kRS256, Algorithm::kPS384, Algorithm::kES256,
                         Algorithm::kES512};
  }
  return policy;
}

bool Accepts(const std::string& jws, const std::vector<Json>& keys) {
  const Json& first = keys.front();
  if (first.value("kty", "") == "oct") {
    const auto header = ParseUnverifiedHeader(jws);
    std::vector<Json> named;
    for (const Json& key : keys) {
      if (!header.ok() || !header->key_id || key.value("kid", "") == *header->key_id) {
        named.push_back(key);
      }
    }
    // A client has one secret: with several of the name there is no telling which.
    if (named.size() != 1) return false;
    const auto secret = Base64UrlDecode(named.front().value("k", ""));
    return secret && VerifyHmacJws(jws, Secret(*secret), PolicyFor(first)).ok();
  }
  const auto set = JwkSet::Parse(Json{{"keys", keys}}.dump());
  return set.ok() && VerifyJws(jws, *set, PolicyFor(first)).ok();
}

void CheckAll(const Json& document, const Differences& differences) {
  int checked = 0;
  for (const Json& group : document["testGroups"]) {
    const Json key = UnpackKey(group.contains("public") ? group["public"] : group["private"]);
    const std::vector<Json> keys =
        key.contains("keys") ? key["keys"].get<std::vector<Json>>() : std::vector<Json>{key};
    for (const Json& test : group["tests"]) {
      const int id = test["tcId"];
      const bool label = test["result"] == "valid";
      const bool wanted = differences.contains(id) ? !label : label;
      EXPECT_EQ(Accepts(test["jws"], keys), wanted)
          << "tcId " << id << ": " << test["comment"].get<std::string>();
      ++checked;
    }
  }
  EXPECT_EQ(checked, document["numberOfTests"].get<int>());
}

TEST(Wycheproof, EveryJwsVectorComesOutAsLabelledOrListed) {
  const Json document = LoadWycheproof("json_web_signature_test.json");
  if (document.is_null()) GTEST_SKIP() << "WYCHEPROOF_DIR does not name Wycheproof's test vectors";
  CheckAll(document, JwsDifferences());
}

TEST(Wycheproof, EveryJwkVectorComesOutAsLabelledOrListed) {
  const Json document = LoadWycheproof("json_web_key_test.json");
  if (document.is_null()) GTEST_SKIP() << "WYCHEPROOF_DIR does not name Wycheproof's test vectors";
  CheckAll(document, JwkDifferences());
}

}  // namespace
}  // namespace tokenbroker::jose
