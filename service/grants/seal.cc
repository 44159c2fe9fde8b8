#include "grants/seal.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "base/random.h"
#include "grants/hmac.h"

namespace tokenbroker::grants {
namespace {

constexpr char kLayoutVersion = 1;
constexpr std::size_t kMaxIdSize = 64;
constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kTagSize = 16;
constexpr std::string_view kRecordKeyLabel = "tokenbroker record v1";

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

// OpenSSL fails here only for want of memory: there is no safe way on.
void Require(bool ok) {
  if (ok) return;
  std::fputs("token-broker: sealing a record failed\n", stderr);
  std::abort();
}

CipherContext NewContext() {
  CipherContext context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  Require(context != nullptr);
  return context;
}

// The parts of a sealed record; views into it.
struct Sealed {
  std::string_view header;
  std::string_view key_id;
  std::string_view nonce;
  std::string_view ciphertext;
  std::string_view tag;
};

std::optional<Sealed> Split(std::string_view bytes) {
  if (bytes.size() < 2 || bytes[0] != kLayoutVersion) return std::nullopt;
  const std::size_t id_size = static_cast<unsigned char>(bytes[1]);
  if (id_size == 0 || id_size > kMaxIdSize) return std::nullopt;
  const std::size_t header_size = 2 + id_size;
  if (bytes.size() < header_size + kNonceSize + kTagSize) return std::nullopt;
  const std::size_t text_size = bytes.size() - header_size - kNonceSize - kTagSize;
  return Sealed{.header = bytes.substr(0, header_size),
                .key_id = bytes.substr(2, id_size),
                .nonce = bytes.substr(header_size, kNonceSize),
                .ciphertext = bytes.substr(header_size + kNonceSize, text_size),
                .tag = bytes.substr(bytes.size() - kTagSize)};
}

std::string AssociatedData(std::string_view header, const SealedName& name) {
  std::string data = absl::StrCat(std::string(header), name.name, std::string(1, '\0'));
  for (int shift = 56; shift >= 0; shift -= 8) {
    data.push_back(static_cast<char>(name.generation >> shift & 0xff));
  }
  return data;
}

// Looked up once; not with each record.
const EVP_CIPHER* Cipher() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

Secret RecordKey(const HmacKey& ring_key, const SealedName& name) {
  return ExpandKey(ring_key, kRecordKeyLabel, name.name);
}

bool IsPrintable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

absl::Status Unreadable(std::string_view check) {
  return Error(Reason::kRecordUnreadable, {{"check", std::string(check)}});
}

}  // namespace

absl::StatusOr<KeyRing> KeyRing::Create(std::vector<SealingKey> keys) {
  if (keys.empty()) return FieldError("keys", "at least one key is needed");
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::string field = absl::StrCat("keys[", i, "]");
    if (keys[i].id.empty() || keys[i].id.size() > kMaxIdSize) {
      return FieldError(field + ".id", "must have 1 to 64 bytes");
    }
    const auto same_id = [&](const SealingKey& other) { return other.id == keys[i].id; };
    if (std::find_if(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(i), same_id) !=
        keys.begin() + static_cast<std::ptrdiff_t>(i)) {
      return FieldError(field + ".id", "is the id of another key as well");
    }
    if (keys[i].key.size() != kSealingKeySize) {
      return FieldError(field + ".key", "must be 32 bytes");
    }
  }
  return KeyRing(keys);
}

KeyRing::KeyRing(const std::vector<SealingKey>& keys) : current_(std::make_unique<Current>()) {
  std::vector<Key> ready;
  ready.reserve(keys.size());
  for (const SealingKey& key : keys) ready.push_back({key.id, HmacKey(key.key)});
  const MutexLock lock(current_->mutex);
  current_->keys = std::make_shared<const std::vector<Key>>(std::move(ready));
}

KeyRing::Keys KeyRing::keys() const {
  const MutexLock lock(current_->mutex);
  return current_->keys;
}

void KeyRing::Replace(KeyRing other) {
  Keys keys = other.keys();
  const MutexLock lock(current_->mutex);
  current_->keys = std::move(keys);
}

std::string KeyRing::Seal(const Secret& plaintext, const SealedName& name) const {
  const Keys ring = keys();
  const Key& key = ring->front();
  std::string sealed = {kLayoutVersion, static_cast<char>(key.id.size())};
  sealed += key.id;
  const std::string data = AssociatedData(sealed, name);
  const std::string nonce = RandomBytes(kNonceSize);
  sealed += nonce;
  const std::size_t text_at = sealed.size();
  sealed.resize(text_at + plaintext.size() + kTagSize);

  const Secret record_key = RecordKey(key.key, name);
  const CipherContext context = NewContext();
  int written = 0;
  Require(EVP_EncryptInit_ex2(context.get(), Cipher(), Bytes(record_key.Reveal()), Bytes(nonce),
                              nullptr) == 1);
  Require(EVP_EncryptUpdate(context.get(), nullptr, &written, Bytes(data),
                            static_cast<int>(data.size())) == 1);
  Require(EVP_EncryptUpdate(context.get(), Bytes(sealed) + text_at, &written,
                            Bytes(plaintext.Reveal()), static_cast<int>(plaintext.size())) == 1);
  std::array<unsigned char, kTagSize> none{};
  Require(EVP_EncryptFinal_ex(context.get(), none.data(), &written) == 1);
  Require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize,
                              Bytes(sealed) + text_at + plaintext.size()) == 1);
  return sealed;
}

absl::StatusOr<Secret> KeyRing::Open(std::string_view bytes, const SealedName& name) const {
  const auto sealed = Split(bytes);
  if (!sealed) return Unreadable("malformed");
  const Keys ring = keys();
  const auto key = std::ranges::find(*ring, sealed->key_id, &Key::id);
  if (key == ring->end()) {
    absl::Status status = Unreadable("key_unknown");
    if (IsPrintable(sealed->key_id)) {
      status = WithMetadata(std::move(status), "key_id", sealed->key_id);
    }
    return status;
  }
  const std::string data = AssociatedData(sealed->header, name);
  const Secret record_key = RecordKey(key->key, name);
  const CipherContext context = NewContext();
  std::string plaintext(sealed->ciphertext.size(), '\0');
  std::string tag(sealed->tag);
  int written = 0;
  Require(EVP_DecryptInit_ex2(context.get(), Cipher(), Bytes(record_key.Reveal()),
                              Bytes(sealed->nonce), nullptr) == 1);
  Require(EVP_DecryptUpdate(context.get(), nullptr, &written, Bytes(data),
                            static_cast<int>(data.size())) == 1);
  Require(EVP_DecryptUpdate(context.get(), Bytes(plaintext), &written, Bytes(sealed->ciphertext),
                            static_cast<int>(sealed->ciphertext.size())) == 1);
  Require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) == 1);
  std::array<unsigned char, kTagSize> none{};
  if (EVP_DecryptFinal_ex(context.get(), none.data(), &written) != 1) {
    WipeString(plaintext);
    return Unreadable("authentication");
  }
  return Secret::Take(std::move(plaintext));
}

bool KeyRing::SealedWithFirst(std::string_view bytes) const {
  const auto sealed = Split(bytes);
  return sealed && sealed->key_id == keys()->front().id;
}

}  // namespace tokenbroker::grants
