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

// The last three carry the whole response as one signed JWT (JARM section 2.3).
enum class ResponseMode { kFormPost, kQuery, kFragment, kFormPostJwt, kQueryJwt, kFragmentJwt };

// The mode of this name. `jwt` is not among them: it stands for DefaultJwtMode.
std::optional<ResponseMode> ParseResponseMode(std::string_view text);
std::string_view ToString(ResponseMode mode);

bool IsJwtSecured(ResponseMode mode);

// How a browser brings it: kFormPost, kQuery or kFragment.
ResponseMode CarrierOf(ResponseMode mode);

// What is used where none is asked for (MRT section 5), and what `jwt` stands for (JARM 2.3.4).
ResponseMode DefaultMode(ResponseType type);
ResponseMode DefaultJwtMode(ResponseType type);

// Whether `mode` may carry `type`: a hybrid response never goes in the query (MRT sections 3 and
// 5), nor does it as a JWT, unless that were encrypted (JARM 2.3.1), which is not done here.
bool MayCarry(ResponseMode mode, ResponseType type);

}  // namespace tokenbroker::oauth
