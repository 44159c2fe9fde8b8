// A small number for each thread, to give it a place of its own in what would otherwise be shared.
#pragma once

#include <atomic>
#include <cstddef>

namespace tokenbroker {

// 0, 1, 2, … in the order in which threads first ask; the same for a thread as long as it lives.
inline std::size_t ThreadIndex() {
  static std::atomic<std::size_t> threads = 0;
  thread_local const std::size_t index = threads.fetch_add(1, std::memory_order_relaxed);
  return index;
}

}  // namespace tokenbroker
