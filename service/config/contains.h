// Whether a list of names has one.
#pragma once

#include <algorithm>
#include <iterator>
#include <string_view>

namespace tokenbroker::config {

// Returns whether `name` is one of `names`, which may be a repeated field of strings or an array.
template <typename Names>
bool Contains(const Names& names, std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

}  // namespace tokenbroker::config
