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

  void Append(std::string_view more) {
    if (bytes_.size() + more.size() > bytes_.capacity()) {
      std::string larger;
      larger.reserve(std::max(2 * bytes_.capacity(), bytes_.size() + more.size()));
      larger.append(bytes_);
      WipeString(bytes_);
      bytes_ = std::move(larger);
    }
    bytes_.append(more);
  }

  void Clear() { WipeString(bytes_); }
  std::string_view view() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }

  // Hands the bytes over; the buffer is empty then.
  Secret Take() { return Secret::Take(std::move(bytes_)); }

 private:
  std::string bytes_;
};

}  // namespace tokenbroker
