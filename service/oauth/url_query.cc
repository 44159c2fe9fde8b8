#include "oauth/url_query.h"

#include <algorithm>

#include "oauth/form.h"
#include "oauth/url.h"

namespace tokenbroker::oauth {

void UrlQuery::Add(std::string_view name, std::string_view value) {
  names_.emplace(name);
  if (!text_.empty()) text_ += '&';
  text_ += PercentEncode(name);
  text_ += '=';
  text_ += PercentEncode(value);
}

std::string UrlQuery::AppendTo(std::string_view endpoint) && {
  const auto mark = endpoint.find('?');
  std::string url(endpoint.substr(0, mark));
  url += '?';
  std::string_view own = mark == std::string_view::npos ? "" : endpoint.substr(mark + 1);
  while (!own.empty()) {
    const std::string_view field = own.substr(0, own.find('&'));
    own.remove_prefix(std::min(field.size() + 1, own.size()));
    if (field.empty() || IsOurs(field)) continue;
    url += field;
    url += '&';
  }
  return url + text_;
}

bool UrlQuery::IsOurs(std::string_view field) const {
  const auto decoded = ParseForm(field.substr(0, field.find('=')));
  return decoded.ok() && !decoded->empty() && names_.contains(decoded->front().name);
}

}  // namespace tokenbroker::oauth
