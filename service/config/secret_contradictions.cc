#include <algorithm>
#include <string>

#include "config/contradictions.h"
#include "config/message_walk.h"

namespace tokenbroker::config {
namespace {

bool IsVariableName(const std::string& text) {
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return std::all_of(text.begin(), text.end(), is_word) && !(text[0] >= '0' && text[0] <= '9');
}

}  // namespace

void CheckSecretSources(const v1::Config& config, Faults& faults) {
  v1::Config copy = config;
  ForEachMessage<v1::SecretSource>(
      copy, [&](const v1::SecretSource& source, const std::string& path) {
        if (!source.env().empty() && !IsVariableName(source.env())) {
          faults.Add(path + ".env", "must be the name of an environment variable");
        }
        if (!source.inline_().empty() && !config.dev().allow_inline_secrets()) {
          faults.Add(path + ".inline",
                     "a secret must not stand in this file; name a file or an environment variable "
                     "(file: or env:), or on a developer's machine set "
                     "dev.allow_inline_secrets: true");
        }
      });
}

}  // namespace tokenbroker::config
