#include "provider/dpop_nonces.h"

#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "oauth/dpop.h"
#include "oauth/url.h"

namespace tokenbroker::provider {
namespace {

// A provider's endpoints are on a handful of servers. Metadata that names ever new ones must not
// fill the memory; a forgotten nonce costs one more request.
constexpr std::size_t kMaxOrigins = 16;

std::string OriginOf(std::string_view url) {
  const auto parts = oauth::SplitUri(url);
  if (!parts) return "";
  const std::string scheme = absl::AsciiStrToLower({parts->scheme.data(), parts->scheme.size()});
  const std::string host = absl::AsciiStrToLower({parts->host.data(), parts->host.size()});
  const std::string port(parts->port.empty() ? (scheme == "https" ? "443" : "80") : parts->port);
  return absl::StrCat(scheme, "://", host, ":", port);
}

std::optional<std::string> NonceIn(const HttpResponse& response) {
  std::optional<std::string> nonce;
  for (const auto& [name, value] : response.headers) {
    if (name != "dpop-nonce") continue;
    if (nonce || !oauth::IsDpopNonce(value)) return std::nullopt;
    nonce = value;
  }
  return nonce;
}

}  // namespace

std::string DpopNonces::Find(std::string_view url) const {
  const std::string origin = OriginOf(url);
  absl::MutexLock lock(&mutex_);
  const auto found = by_origin_.find(origin);
  return found == by_origin_.end() ? "" : found->second;
}

bool DpopNonces::Remember(std::string_view url, const HttpResponse& response) {
  std::optional<std::string> nonce = NonceIn(response);
  if (!nonce) return false;
  std::string origin = OriginOf(url);
  absl::MutexLock lock(&mutex_);
  if (by_origin_.size() >= kMaxOrigins && !by_origin_.contains(origin)) by_origin_.clear();
  by_origin_.insert_or_assign(std::move(origin), *std::move(nonce));
  return true;
}

}  // namespace tokenbroker::provider
