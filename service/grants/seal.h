// Sealing: how a record lies in a store that is not trusted with what is in it.
//
//   AES-256-GCM. Each record name has a key of its own, HKDF-Expand(ring key, label ‖ name), so
//   that random 96-bit nonces never come near their limit however often the ring key is used.
//
//   byte 0        layout version, 1
//   byte 1        length n of the key id, 1..64
//   n bytes       key id
//   12 bytes      nonce, random
//   …             ciphertext, as long as the plaintext
//   16 bytes      tag
//
// Associated data: bytes 0..n+1, then the record's name, a zero byte and the generation (64 bits,
// big-endian): a record moved to another name, or rolled back under a newer generation, does not
// open.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/secret.h"
#include "grants/hmac.h"

namespace tokenbroker::grants {

inline constexpr std::size_t kSealingKeySize = 32;

// One key of the ring, as configured.
struct SealingKey {
  std::string id;  // 1 to 64 bytes; stored with what it sealed, never used again for another key
  Secret key;      // kSealingKeySize random bytes
};

// What a sealed record is bound to.
struct SealedName {
  std::string name;  // the key in the store, and which part of it
  std::uint64_t generation = 0;
};

// Thread-safe. Owns its keys.
class KeyRing {
 public:
  // The first key seals, all open. Errors: INVALID_REQUEST with the field (`keys`, `keys[1].id`, …)
  // for an empty ring, an id that is empty, too long or repeated, a key of another size.
  static absl::StatusOr<KeyRing> Create(std::vector<SealingKey> keys);

  // Takes over the keys of `other`, in the place of its own.
  void Replace(KeyRing other);

  std::string Seal(const Secret& plaintext, const SealedName& name) const;

  // Errors: RECORD_UNREADABLE, with metadata `check`: `malformed`, `key_unknown` (with `key_id`
  // where it is printable), `authentication`.
  absl::StatusOr<Secret> Open(std::string_view sealed, const SealedName& name) const;

  // Whether the key that seals now sealed this; no for what is malformed.
  bool SealedWithFirst(std::string_view sealed) const;

 private:
  struct Key {
    std::string id;
    HmacKey key;
  };
  using Keys = std::shared_ptr<const std::vector<Key>>;
  // Apart, so that a ring can be moved until it is used.
  struct Current {
    Mutex mutex;
    Keys keys ABSL_GUARDED_BY(mutex);
  };

  explicit KeyRing(const std::vector<SealingKey>& keys);

  Keys keys() const;

  std::unique_ptr<Current> current_;
};

}  // namespace tokenbroker::grants
