// A set of scope values (RFC 6749 section 3.3): order does not matter, case does.
#pragma once

#include <compare>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace tokenbroker::oauth {

// Thread-compatible value.
class Scopes {
 public:
  Scopes() = default;
  Scopes(std::initializer_list<std::string> values) {
    for (const std::string& value : values) Add(value);
  }

  // Reads the `scope` parameter: values separated by single spaces; repeated values count once.
  // Errors: INVALID_REQUEST (Reason::kInvalidRequest) for a character that a scope
  // value may not have. An empty text is the empty set.
  static absl::StatusOr<Scopes> Parse(std::string_view text);
  // The same from separate values, none of which may be empty or hold a space.
  static absl::StatusOr<Scopes> FromValues(const std::vector<std::string>& values);

  // Sorted, separated by single spaces: equal sets give equal text.
  std::string ToString() const;
  const std::vector<std::string>& values() const { return values_; }

  bool empty() const { return values_.empty(); }
  bool Contains(std::string_view value) const;
  bool Covers(const Scopes& subset) const;
  void Add(std::string value);

  friend bool operator==(const Scopes&, const Scopes&) = default;
  friend auto operator<=>(const Scopes&, const Scopes&) = default;

 private:
  std::vector<std::string> values_;  // sorted, each once: there are few, and they are copied a lot
};

}  // namespace tokenbroker::oauth
