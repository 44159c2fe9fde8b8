#include "broker/lifetime.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/sha256.h"

namespace tokenbroker::broker {
namespace {

// In [-1, 1), the same for a grant wherever and whenever it is asked.
double StableJitter(const std::string& grant_id) {
  std::uint32_t bits = 0;
  for (const char c : Sha256(grant_id).substr(0, 4)) {
    bits = (bits << 8) | static_cast<unsigned char>(c);
  }
  return static_cast<double>(bits) / 2147483648.0 - 1.0;
}

}  // namespace

grants::AccessToken KeepAccessToken(oauth::TokenResponse& response, const oauth::Scopes& asked,
                                    const Client& client, absl::Time now) {
  absl::Time expires_at = now + client.provider->rules().default_access_token_lifetime;
  if (response.lifetime) {
    expires_at = now + *response.lifetime;
  } else if (const auto hint = oauth::PeekExpiry(response.access_token)) {
    expires_at = *hint;
  }
  return {.value = std::move(response.access_token),
          .token_type = response.token_type,
          .expires_at = expires_at,
          .obtained_at = now,
          .scopes = response.scopes.value_or(asked)};
}

bool IsGoodFor(absl::Time obtained_at, absl::Time expires_at, absl::Duration min_remaining,
               absl::Time now) {
  const absl::Duration margin = std::min(absl::Seconds(5), (expires_at - obtained_at) / 20);
  const absl::Duration remaining = expires_at - now;
  return remaining > absl::ZeroDuration() && remaining >= margin && remaining >= min_remaining;
}

absl::Time EndOf(const grants::Grant& grant, const Client& client, absl::Time now) {
  return std::min(grant.created_at + client.grant_absolute_lifetime,
                  now + client.grant_idle_lifetime);
}

absl::Time RefreshAfter(const std::string& grant_id, const grants::AccessToken& token,
                        const RefreshRules& rules) {
  const absl::Duration lifetime = token.expires_at - token.obtained_at;
  const double share = rules.fraction + rules.jitter * StableJitter(grant_id);
  const absl::Duration after = std::max(lifetime * std::clamp(share, 0.0, 1.0), rules.floor);
  return std::min(token.obtained_at + after, token.expires_at);
}

}  // namespace tokenbroker::broker
