// Bearer tokens that have been verified, so that a caller's second call need not wait for it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "callers/caller.h"

namespace tokenbroker::callers {

// Thread-safe. Each thread looks into a part of its own, so that no lock is shared between cores.
// Keeps SHA-256 hashes, never tokens.
class VerifiedTokens {
 public:
  using Digest = std::array<unsigned char, 32>;

  // Where to remember what was looked for in vain.
  struct Place {
    std::size_t part = 0;
    Digest digest = {};
  };
  struct Found {
    const Caller* caller = nullptr;  // null: not there
    Place place;
  };

  // `max_per_thread`: how many each thread's part holds; the oldest go first when more come.
  explicit VerifiedTokens(std::size_t max_per_thread) : max_per_thread_(max_per_thread) {}

  Found Find(std::string_view token, absl::Time now) const;
  // To be found by the thread that `place` comes from, until `until`.
  void Remember(const Place& place, const Caller& caller, absl::Time until);

 private:
  static constexpr std::size_t kParts = 64;

  struct Entry {
    const Caller* caller;
    absl::Time until;
  };
  struct alignas(64) Part {
    mutable Mutex mutex;
    absl::flat_hash_map<Digest, Entry> entries ABSL_GUARDED_BY(mutex);
  };

  const std::size_t max_per_thread_;
  std::array<Part, kParts> parts_;
};

}  // namespace tokenbroker::callers
