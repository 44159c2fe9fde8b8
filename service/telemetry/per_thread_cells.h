// Numbers that many threads add to all the time and that are read now and then.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/thread_index.h"

namespace tokenbroker::telemetry {

// A row of numbers from 0 on. Every thread has a row of its own, so that adding shares nothing with
// other cores; reading sums the rows. Thread-safe.
class PerThreadCells {
 public:
  explicit PerThreadCells(std::size_t cells)
      : stride_((cells + kCellsPerLine - 1) / kCellsPerLine * kCellsPerLine),
        lines_(new Line[kRows * stride_ / kCellsPerLine]()) {}

  void Add(std::size_t cell, std::uint64_t n = 1) {
    At(ThreadIndex() % kRows, cell).fetch_add(n, std::memory_order_relaxed);
  }

  std::uint64_t Sum(std::size_t cell) const {
    std::uint64_t sum = 0;
    for (std::size_t row = 0; row < kRows; ++row) {
      sum += At(row, cell).load(std::memory_order_relaxed);
    }
    return sum;
  }

 private:
  // More than there are threads that add much; two threads in one row are slow, not wrong.
  static constexpr std::size_t kRows = 64;
  static constexpr std::size_t kCellsPerLine = 8;
  struct alignas(64) Line {
    std::atomic<std::uint64_t> cells[kCellsPerLine];
  };

  std::atomic<std::uint64_t>& At(std::size_t row, std::size_t cell) const {
    const std::size_t place = row * stride_ + cell;
    return lines_[place / kCellsPerLine].cells[place % kCellsPerLine];
  }

  const std::size_t stride_;
  const std::unique_ptr<Line[]> lines_;
};

}  // namespace tokenbroker::telemetry
