// A Lua script that Redis runs: the one way in which several keys change together.
#pragma once

#include <string_view>

namespace tokenbroker::storage {

// Each says at its head what KEYS and ARGV are and what it returns: always an array of strings, the
// first a word. Every one may be run twice in a row with the same arguments to the same effect.
struct Script {
  std::string_view source;
  std::string_view sha1;  // of the source, in hex: Redis's name for it
};

}  // namespace tokenbroker::storage
