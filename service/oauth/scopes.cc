#include "oauth/scopes.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"

namespace tokenbroker::oauth {
namespace {

// RFC 6749 section 3.3: %x21 / %x23-5B / %x5D-7E.
bool IsScopeCharacter(char c) { return c > ' ' && c < '\x7F' && c != '"' && c != '\\'; }

absl::Status CheckValue(std::string_view value) {
  if (!value.empty() && std::ranges::all_of(value, IsScopeCharacter)) return absl::OkStatus();
  return FieldError("scopes", "a scope value is empty or has a character that it may not have");
}

}  // namespace

absl::StatusOr<Scopes> Scopes::Parse(std::string_view text) {
  Scopes scopes;
  if (text.empty()) return scopes;
  for (bool more = true; more;) {
    const std::string_view value = text.substr(0, text.find(' '));
    more = value.size() < text.size();
    text.remove_prefix(more ? value.size() + 1 : value.size());
    RETURN_IF_ERROR(CheckValue(value));
    scopes.Add(std::string(value));
  }
  return scopes;
}

absl::StatusOr<Scopes> Scopes::FromValues(const std::vector<std::string>& values) {
  Scopes scopes;
  for (const std::string& value : values) {
    RETURN_IF_ERROR(CheckValue(value));
    scopes.Add(value);
  }
  return scopes;
}

std::string Scopes::ToString() const {
  std::string text;
  for (const std::string& value : values_) {
    if (!text.empty()) text += ' ';
    text += value;
  }
  return text;
}

bool Scopes::Contains(std::string_view value) const {
  return std::ranges::binary_search(values_, value);
}

void Scopes::Add(std::string value) {
  const auto place = std::ranges::lower_bound(values_, value);
  if (place == values_.end() || *place != value) values_.insert(place, std::move(value));
}

bool Scopes::Covers(const Scopes& subset) const {
  return std::ranges::includes(values_, subset.values_);
}

}  // namespace tokenbroker::oauth
