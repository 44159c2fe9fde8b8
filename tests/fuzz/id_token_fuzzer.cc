// The claims of an ID token whose signature is good: what is taken is the expected one's in every
// respect, also of the token that a refresh brings.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "oauth/id_token.h"

namespace {

using namespace tokenbroker;  // NOLINT: a fuzzer is one function

const absl::Time kNow = absl::FromUnixSeconds(1767225600);

bool NamesClient(const Json& audience) {
  if (audience.is_string()) return audience == "client";
  return std::ranges::any_of(audience, [](const Json& one) { return one == "client"; });
}

void RequireReason(const absl::Status& status) {
  if (!status.ok() && !ReasonOf(status)) std::abort();
}

void CheckClaims(const Json& claims) {
  const Secret nonce("n-0S6_WzA2Mj");
  const oauth::ExpectedIdToken expected{.issuer = "https://op.example",
                                        .client_id = "client",
                                        .nonce = &nonce,
                                        .max_age = absl::Hours(1),
                                        .essential_acr_values = {},
                                        .organization = std::nullopt};
  const auto facts = oauth::ValidateIdToken(claims, expected, kNow);
  RequireReason(facts.status());
  if (facts.ok()) {
    if (claims.at("iss") != "https://op.example" || facts->issuer != "https://op.example") {
      std::abort();
    }
    if (!NamesClient(claims.at("aud")) || claims.at("nonce") != "n-0S6_WzA2Mj") std::abort();
    if (claims.at("sub") != facts->subject || facts->subject.empty()) std::abort();
    if (facts->authorized_party && *facts->authorized_party != "client") std::abort();
    if (!facts->auth_time || facts->issued_at > kNow + expected.clock_skew) std::abort();
  }

  const oauth::IdTokenFacts original{.issuer = "https://op.example",
                                     .subject = "alice",
                                     .audience = {"client"},
                                     .authorized_party = std::nullopt,
                                     .auth_time = std::nullopt,
                                     .session_id = std::nullopt,
                                     .issued_at = kNow - absl::Hours(1)};
  const auto refreshed =
      oauth::ValidateRefreshedIdToken(claims, original, {.client_id = "client"}, kNow);
  RequireReason(refreshed.status());
  if (refreshed.ok() && (refreshed->subject != "alice" || claims.at("sub") != "alice")) {
    std::abort();
  }
  if (refreshed.ok() && !oauth::CheckSameEndUser(original, *refreshed).ok()) std::abort();
}

void CheckHashClaims(const Json& claims) {
  const Secret code("code");
  const Secret access_token("access");
  const Secret state("state");
  const oauth::HashBindings bindings{.code = &code,
                                     .code_hash_required = true,
                                     .access_token = &access_token,
                                     .access_token_hash_required = true,
                                     .state = &state,
                                     .state_hash_required = true};
  for (const jose::HashFunction hash :
       {jose::HashFunction::kSha256, jose::HashFunction::kSha384, jose::HashFunction::kSha512,
        jose::HashFunction::kShake256}) {
    const jose::Jwt jwt{.algorithm = jose::Algorithm::kRS256,
                        .curve = std::nullopt,
                        .hash = hash,
                        .key_id = std::nullopt,
                        .type = std::nullopt,
                        .header = Json::object(),
                        .payload = ""};
    const absl::Status checked = oauth::CheckHashes(jwt, claims, bindings);
    RequireReason(checked);
    if (checked.ok() &&
        !(claims.contains("c_hash") && claims.contains("at_hash") && claims.contains("s_hash"))) {
      std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto claims = ParseJsonObject({reinterpret_cast<const char*>(data), size});
  if (!claims.ok()) return 0;
  CheckClaims(*claims);
  CheckHashClaims(*claims);
  return 0;
}
