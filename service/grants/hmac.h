// The two things that are made of HMAC-SHA-256 here: derived keys, and names for what may not be
// named in the clear.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/secret.h"

namespace tokenbroker::grants {

// One block of HKDF-Expand (RFC 5869 section 2.3) of `key`, which must be uniformly random already:
// 32 bytes that are a key for `label` and `name` alone. Pure and thread-safe.
Secret ExpandKey(const Secret& key, std::string_view label, std::string_view name);

// Stands for a `state`, a subject and the like in key names and index entries of a store: equal
// values give equal names, and nobody without the key can tell or try which value it was.
// Immutable, so thread-safe.
class KeyedHash {
 public:
  // `key`: 32 random bytes.
  explicit KeyedHash(Secret key) : key_(std::move(key)) {}

  // 128 bits as 22 characters of base64url. Different kinds and different splits of the same bytes
  // into values give different names.
  std::string Of(std::string_view kind, std::initializer_list<std::string_view> values) const;

 private:
  Secret key_;
};

}  // namespace tokenbroker::grants
