// Names that parts of the configuration call each other by.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/faults.h"
#include "config/scalars.h"

namespace tokenbroker::config {

// Sees that what must be unique in a list is, and remembers it.
class UniqueValues {
 public:
  // `what`: "name", "issuer". Faults of `field` below each element of `list`.
  UniqueValues(std::string list, std::string field, Faults& faults)
      : list_(std::move(list)), field_(std::move(field)), faults_(faults) {}

  void Add(std::size_t index, const std::string& value) {
    const auto [first, is_new] = indexes_.emplace(value, index);
    if (value.empty() || is_new) return;
    faults_.Add(FieldPath(ElementPath(list_, index), field_),
                "is the same as " + FieldPath(ElementPath(list_, first->second), field_) +
                    "; give each its own");
  }

 private:
  std::string list_;
  std::string field_;
  Faults& faults_;
  std::map<std::string, std::size_t> indexes_;
};

// "there is no provider "okta"; did you mean "auth0"?", or what there is.
template <typename Words>
std::string NoSuch(std::string_view kind, const std::string& name, const Words& known) {
  std::string text = "there is no " + std::string(kind) + " \"" + name + "\"; ";
  if (const auto nearest = NearestWord(name, known))
    return text + "did you mean \"" + *nearest + "\"?";
  if (known.empty()) return text + "there are none";
  text += "there are: ";
  bool first = true;
  for (const std::string_view word : known) {
    text.append(first ? "" : ", ").append(word);
    first = false;
  }
  return text;
}

}  // namespace tokenbroker::config
