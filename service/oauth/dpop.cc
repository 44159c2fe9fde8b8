#include "oauth/dpop.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/base64url.h"
#include "base/error.h"
#include "base/json.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "jose/jws.h"
#include "oauth/answer_error.h"
#include "oauth/url.h"

namespace tokenbroker::oauth {
namespace {

constexpr std::string_view kUseDpopNonce = "use_dpop_nonce";
constexpr std::size_t kMaxMethod = 32;
constexpr std::size_t kMaxUri = 8192;
constexpr std::size_t kMaxNonce = 1024;

// RFC 9110 section 5.6.2: token.
bool IsMethod(std::string_view text) {
  return !text.empty() && text.size() <= kMaxMethod && std::ranges::all_of(text, [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

}  // namespace

absl::Status CheckDpopTarget(const DpopTarget& target) {
  if (!IsMethod(target.http_method)) {
    return FieldError("dpop_proof_for.http_method", "must be an HTTP method, such as GET");
  }
  const auto uri = target.http_uri.size() <= kMaxUri ? SplitUri(target.http_uri) : std::nullopt;
  if (!uri || !(HasScheme(*uri, "https") || HasScheme(*uri, "http")) || uri->host.empty() ||
      uri->has_userinfo) {
    return FieldError("dpop_proof_for.http_uri", "must be an absolute http or https URI");
  }
  if (uri->query || uri->fragment) {
    return FieldError("dpop_proof_for.http_uri", "must be without query and fragment");
  }
  if (!target.nonce.empty() && !IsDpopNonce(target.nonce)) {
    return FieldError("dpop_proof_for.nonce", "must be the DPoP-Nonce as the server gave it");
  }
  return absl::OkStatus();
}

bool IsDpopNonce(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNonce && std::ranges::all_of(text, [](char c) {
    return c > ' ' && c <= '~' && c != '"' && c != '\\';
  });
}

absl::StatusOr<Secret> MakeDpopProof(const jose::PrivateKey& key, const DpopTarget& target,
                                     const Secret* access_token, std::string_view jti,
                                     absl::Time now) {
  const Json header = {{"typ", "dpop+jwt"}, {"jwk", jose::PublicJwk(key.key())}};
  Json claims = {{"htm", target.http_method},
                 {"htu", target.http_uri.substr(0, target.http_uri.find_first_of("?#"))},
                 {"iat", absl::ToUnixSeconds(now)},
                 {"jti", jti}};
  if (access_token != nullptr) claims["ath"] = Base64UrlEncode(Sha256(access_token->Reveal()));
  if (!target.nonce.empty()) claims["nonce"] = target.nonce;
  ASSIGN_OR_RETURN(std::string proof, jose::SignJws(header, claims.dump(), key));
  return Secret::Take(std::move(proof));
}

bool AsksForDpopNonce(const HttpAnswer& answer, std::string_view www_authenticate) {
  if (answer.status != 400 && answer.status != 401) return false;
  if (ReadErrorWord(answer.body) == kUseDpopNonce) return true;
  // The scheme may be one of several (RFC 9110 section 11.6.1).
  const std::string challenges =
      absl::StrCat(" ", absl::AsciiStrToLower({www_authenticate.data(), www_authenticate.size()}));
  return answer.status == 401 && absl::StrContains(challenges, " dpop ") &&
         absl::StrContains(challenges, "error=\"use_dpop_nonce\"");
}

}  // namespace tokenbroker::oauth
