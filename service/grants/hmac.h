// The two things that are made of HMAC-SHA-256 here: derived keys, and names for what may not be
// named in the clear.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "base/secret.h"

struct evp_mac_ctx_st;

namespace tokenbroker::grants {

// A key, ready for use: looking the algorithm up and taking the key in cost more than a digest of
// what is short. Thread-safe; empty when moved from.
class HmacKey {
 public:
  // Copies `key`, which OpenSSL wipes at the end.
  explicit HmacKey(const Secret& key);

  // HMAC-SHA-256, 32 bytes.
  std::string DigestOf(std::string_view text) const;

 private:
  struct Deleter {
    void operator()(evp_mac_ctx_st* context) const;
  };
  using Context = std::unique_ptr<evp_mac_ctx_st, Deleter>;
  struct Contexts {
    Context prepared;  // has the key
    Mutex mutex;
    std::vector<Context> spare ABSL_GUARDED_BY(mutex);  // to be had for less than a new copy
  };

  Context TakeContext() const;

  std::unique_ptr<Contexts> contexts_;
};

// One block of HKDF-Expand (RFC 5869 section 2.3) of `key`, which must be uniformly random already:
// 32 bytes that are a key for `label` and `name` alone. Pure and thread-safe.
Secret ExpandKey(const HmacKey& key, std::string_view label, std::string_view name);

// Stands for a `state`, a subject and the like in key names and index entries of a store: equal
// values give equal names, and nobody without the key can tell or try which value it was.
// Thread-safe.
class KeyedHash {
 public:
  // `key`: 32 random bytes.
  explicit KeyedHash(const Secret& key) : key_(key) {}

  // 128 bits as 22 characters of base64url. Different kinds and different splits of the same bytes
  // into values give different names.
  std::string Of(std::string_view kind, std::initializer_list<std::string_view> values) const;

 private:
  HmacKey key_;
};

}  // namespace tokenbroker::grants
