// A value that must not leak: tokens, codes, client secrets, cookies, keys.
//
// `Secret` cannot be copied by accident (only `Copy()`), cannot be printed (no `operator<<`, no
// conversion to string), and wipes its bytes when it dies. Whoever needs the bytes says so with
// `Reveal()`, which is what a reviewer greps for.
//
//   Secret token = Secret::Take(std::move(parsed));
//   request.body.Add("refresh_token", token.Reveal());
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace tokenbroker {

// Overwrites `size` bytes at `data` in a way the compiler may not remove.
void WipeMemory(void* data, std::size_t size);

// Wipes the whole buffer of `text`, spare capacity included, and leaves it empty.
void WipeString(std::string& text);

// Compares without stopping at the first difference. The lengths may be learnt, the contents not.
bool ConstantTimeEquals(std::string_view a, std::string_view b);

// Thread-compatible. Empty when default-constructed or moved from. Moving is cheap, and an empty
// one costs nothing to destroy: records are full of secrets that are not there.
class Secret {
 public:
  Secret() = default;
  // Copies `value`; the caller wipes its own copy where that matters.
  explicit Secret(std::string_view value) : value_(value) {}
  // Takes `value` over without leaving a copy behind, not even one in a short-string buffer.
  static Secret Take(std::string&& value);

  Secret(Secret&& other) noexcept { TakeFrom(other); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      Wipe();
      TakeFrom(other);
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { Wipe(); }

  // A second copy, made on purpose.
  Secret Copy() const { return Secret(value_); }
  // The bytes themselves. Valid as long as this object is neither moved from nor destroyed.
  std::string_view Reveal() const { return value_; }

  bool empty() const { return value_.empty(); }
  std::size_t size() const { return value_.size(); }

  // Constant time for equal lengths.
  friend bool operator==(const Secret& a, const Secret& b) {
    return ConstantTimeEquals(a.value_, b.value_);
  }

 private:
  void Wipe() {
    if (!value_.empty()) WipeString(value_);
  }
  // This one is empty.
  void TakeFrom(Secret& other) noexcept {
    if (other.value_.empty()) return;
    // A short one lies in the string itself, so that swapping would leave it behind.
    if (other.value_.capacity() > std::string().capacity()) {
      value_.swap(other.value_);
    } else {
      value_ = other.value_;
      WipeString(other.value_);
    }
  }

  // Where it is empty, its buffer holds nothing either.
  std::string value_;
};

}  // namespace tokenbroker
