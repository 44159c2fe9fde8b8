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

// The part of a lifetime after which this grant is renewed.
double ShareOf(const std::string& grant_id, const RefreshRules& rules) {
  return std::clamp(rules.fraction + rules.jitter * StableJitter(grant_id), 0.0, 1.0);
}

absl::Time LastTokensAt(const grants::Grant& grant) {
  return grant.last_refreshed_at.value_or(grant.created_at);
}

}  // namespace

grants::AccessToken KeepAccessToken(oauth::TokenResponse& response, const oauth::Scopes& asked,
                                    const Client& client, absl::Time sent_at) {
  absl::Time expires_at = sent_at + client.provider->rules().default_access_token_lifetime;
  if (response.lifetime) {
    expires_at = sent_at + *response.lifetime;
  } else if (const auto hint = oauth::PeekExpiry(response.access_token)) {
    expires_at = *hint;
  }
  return {.value = std::move(response.access_token),
          .token_type = response.token_type,
          .expires_at = expires_at,
          .obtained_at = sent_at,
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
  const absl::Duration after = std::max(lifetime * ShareOf(grant_id, rules), rules.floor);
  return std::min(token.obtained_at + after, token.expires_at);
}

std::optional<absl::Time> KeepAliveAt(const grants::Grant& grant, const RefreshRules& rules) {
  if (!rules.refresh_token_idle_lifetime) return std::nullopt;
  return LastTokensAt(grant) +
         std::max(*rules.refresh_token_idle_lifetime * ShareOf(grant.id, rules), rules.floor);
}

absl::Time NextRefresh(const grants::Grant& grant, const RefreshRules& rules) {
  const absl::Time earliest = LastTokensAt(grant) + rules.floor;
  absl::Time next = earliest;
  const auto own = grant.access_tokens.find(grants::TokenSelector{});
  if (own != grant.access_tokens.end()) {
    next =
        std::max(RefreshAfter(grant.id, own->second, rules), own->second.obtained_at + rules.floor);
  }
  const auto keep_alive = KeepAliveAt(grant, rules);
  return std::max(std::min(next, keep_alive.value_or(next)), earliest);
}

}  // namespace tokenbroker::broker
