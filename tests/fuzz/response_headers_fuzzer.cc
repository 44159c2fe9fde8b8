// The header section of a provider's answer: put together line by line, then read for how long a
// document is good, what limit the provider has, when to come again, and for DPoP.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "net/http_response_reader.h"
#include "oauth/dpop.h"
#include "oauth/token_response.h"
#include "provider/cache_lifetime.h"
#include "provider/rate_limit_headers.h"

namespace {

using namespace tokenbroker;  // NOLINT: a fuzzer is one function

const absl::Time kNow = absl::FromUnixSeconds(1767225600);

void CheckHeaders(const HttpResponse& response) {
  for (const auto& [name, value] : response.headers) {
    if (name.empty() || name != absl::AsciiStrToLower(name)) std::abort();
    if (value.find('\n') != value.npos || value.find('\0') != value.npos) std::abort();
  }
  const provider::LifetimeBounds bounds;
  const absl::Duration lifetime = provider::CacheLifetime(response.headers, bounds);
  if (lifetime < bounds.shortest || lifetime > bounds.longest) std::abort();
  if (const auto limit = provider::ReadAdvertisedLimit(response.headers, kNow)) {
    if (limit->remaining < 0 || limit->limit.value_or(0) < 0) std::abort();
    if (limit->reset <= kNow || limit->reset > kNow + absl::Hours(1)) std::abort();
  }
  if (const auto value = response.Header("retry-after")) {
    const auto delay = oauth::ParseRetryAfter(*value, kNow);
    if (delay && (*delay < absl::Seconds(1) || *delay > absl::Hours(1))) std::abort();
  }
  const auto nonce = response.Header("dpop-nonce");
  if (nonce && oauth::IsDpopNonce(*nonce) && nonce->find(' ') != nonce->npos) std::abort();
  const auto challenge = response.Header("www-authenticate").value_or("");
  (void)oauth::AsksForDpopNonce({.status = 401, .content_type = "", .body = ""}, challenge);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const HttpLimits limits{.max_body_bytes = 100, .max_header_bytes = 4096, .max_header_count = 50};
  HttpResponseReader reader(limits);
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n') + 1);
    if (line.empty()) break;  // the last, without its end
    text.remove_prefix(line.size());
    if (!reader.AddHeaderLine(line)) {
      if (!reader.refusal()) std::abort();
      return 0;
    }
  }
  if (!reader.AddBody(text)) {
    if (text.size() <= limits.max_body_bytes) std::abort();
    return 0;
  }
  const HttpResponse response = reader.Take(200);
  if (response.body.Reveal() != text || response.headers.size() > 50) std::abort();
  CheckHeaders(response);
  return 0;
}
