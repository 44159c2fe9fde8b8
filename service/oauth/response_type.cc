#include "oauth/response_type.h"

#include <array>
#include <utility>

namespace tokenbroker::oauth {
namespace {

constexpr std::array<std::pair<ResponseMode, std::string_view>, 6> kModes = {{
    {ResponseMode::kFormPost, "form_post"},
    {ResponseMode::kQuery, "query"},
    {ResponseMode::kFragment, "fragment"},
    {ResponseMode::kFormPostJwt, "form_post.jwt"},
    {ResponseMode::kQueryJwt, "query.jwt"},
    {ResponseMode::kFragmentJwt, "fragment.jwt"},
}};

}  // namespace

std::optional<ResponseType> ResponseType::Parse(std::string_view text) {
  ResponseType type;
  bool code = false;
  for (bool more = true; more;) {
    const std::string_view word = text.substr(0, text.find(' '));
    more = word.size() < text.size();
    text.remove_prefix(more ? word.size() + 1 : word.size());
    bool* const seen = word == "code"       ? &code
                       : word == "id_token" ? &type.id_token
                       : word == "token"    ? &type.token
                                            : nullptr;
    if (seen == nullptr || *seen) return std::nullopt;
    *seen = true;
  }
  if (!code) return std::nullopt;
  return type;
}

std::string ResponseType::ToString() const {
  std::string text = "code";
  if (id_token) text += " id_token";
  if (token) text += " token";
  return text;
}

std::optional<ResponseMode> ParseResponseMode(std::string_view text) {
  for (const auto& [mode, name] : kModes) {
    if (name == text) return mode;
  }
  return std::nullopt;
}

std::string_view ToString(ResponseMode mode) {
  for (const auto& [known, name] : kModes) {
    if (known == mode) return name;
  }
  return "";
}

bool IsJwtSecured(ResponseMode mode) { return CarrierOf(mode) != mode; }

ResponseMode CarrierOf(ResponseMode mode) {
  switch (mode) {
    case ResponseMode::kFormPostJwt:
      return ResponseMode::kFormPost;
    case ResponseMode::kQueryJwt:
      return ResponseMode::kQuery;
    case ResponseMode::kFragmentJwt:
      return ResponseMode::kFragment;
    default:
      return mode;
  }
}

ResponseMode DefaultMode(ResponseType type) {
  return type.IsHybrid() ? ResponseMode::kFragment : ResponseMode::kQuery;
}

ResponseMode DefaultJwtMode(ResponseType type) {
  return type.IsHybrid() ? ResponseMode::kFragmentJwt : ResponseMode::kQueryJwt;
}

bool MayCarry(ResponseMode mode, ResponseType type) {
  return CarrierOf(mode) != ResponseMode::kQuery || !type.IsHybrid();
}

}  // namespace tokenbroker::oauth
