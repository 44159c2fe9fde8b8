// Secrets that the configuration refers to.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "base/secret.h"
#include "tokenbroker/config/v1/config.pb.h"

namespace tokenbroker::config {

// Reads the secret that `source` names: a file up to 64 KiB, an environment variable, or the text
// itself. One newline at the end is dropped.
//
// Errors: INVALID_ARGUMENT, with a message that says what is wrong and never holds any of the
// secret.
absl::StatusOr<Secret> ReadSecret(const v1::SecretSource& source);

// The secrets of a configuration by where they come from. Immutable after loading and thread-safe
// then.
class Secrets {
 public:
  // Reads what `source` names, once, and replaces an inline text by a reference to what is kept
  // here, so that the configuration can be shown. Errors: as ReadSecret.
  absl::Status Add(v1::SecretSource& source);

  // The secret of a source that was added. Crashes for any other: that is a bug.
  const Secret& Get(const v1::SecretSource& source) const;

 private:
  std::map<std::string, Secret> secrets_;
};

// The 32 bytes of a key written in hex, base64 or base64url.
//
// Errors: INVALID_ARGUMENT; never holds any of the text.
absl::StatusOr<Secret> DecodeSealingKey(const Secret& text);

}  // namespace tokenbroker::config
