// A growing byte buffer that leaves no copy of its bytes behind.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/secret.h"

namespace tokenbroker {

// Thread-compatible. Not copyable; wiped when it grows, is cleared or dies.
class WipingBuffer {
 public:
  WipingBuffer() = default;
  WipingBuffer(const WipingBuffer&) = delete;
  WipingBuffer& operator=(const WipingBuffer&) = delete;
  ~WipingBuffer() { WipeString(bytes_); }

  // Makes room for `more` bytes besides what there is.
  void Reserve(std::size_t more) {
    if (bytes_.size() + more <= bytes_.capacity()) return;
    std::string larger;
    larger.reserve(std::max(2 * bytes_.capacity(), bytes_.size() + more));
    larger.append(bytes_);
    WipeString(bytes_);
    bytes_ = std::move(larger);
  }
  void Append(std::string_view more) {
    Reserve(more.size());
    bytes_.append(more);
  }

  // Keeps the room. The spare bytes hold nothing: they were wiped when they were let go.
  void Clear() {
    WipeMemory(bytes_.data(), bytes_.size());
    bytes_.clear();
  }
  std::string_view view() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }

  // Hands the bytes over; the buffer is empty then.
  Secret Take() { return Secret::Take(std::move(bytes_)); }

 private:
  std::string bytes_;
};

}  // namespace tokenbroker
