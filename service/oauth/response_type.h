// What the authorization endpoint is asked to return, and how (OAuth 2.0 Multiple Response Types).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tokenbroker::oauth {

// One of `code`, `code id_token`, `code token`, `code id_token token`: the code is always there.
struct ResponseType {
  bool id_token = false;
  bool token = false;

  // Order of words is free; anything but the four is nothing.
  static std::optional<ResponseType> Parse(std::string_view text);
  // The canonical order of words, as it goes on the wire.
  std::string ToString() const;
  bool IsHybrid() const { return id_token || token; }

  friend bool operator==(const ResponseType&, const ResponseType&) = default;
};

enum class ResponseMode { kFormPost, kQuery, kFragment };

std::optional<ResponseMode> ParseResponseMode(std::string_view text);
std::string_view ToString(ResponseMode mode);

// Whether MRT section 3 and 5 let `mode` carry `type`: a hybrid response never goes in the query.
bool MayCarry(ResponseMode mode, ResponseType type);

}  // namespace tokenbroker::oauth
