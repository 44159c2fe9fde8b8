// How many grants a page has.
#pragma once

#include <algorithm>
#include <cstddef>

namespace tokenbroker::grants {

inline constexpr std::size_t kDefaultPageSize = 100;
inline constexpr std::size_t kMaxPageSize = 1000;

// What a caller wishes, 0 for no wish, as it is served.
inline std::size_t PageSize(std::size_t wished) {
  return wished == 0 ? kDefaultPageSize : std::min(wished, kMaxPageSize);
}

}  // namespace tokenbroker::grants
