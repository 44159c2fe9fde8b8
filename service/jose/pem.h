// Private keys from PEM text. Used inside jose/ only.
#pragma once

#include "absl/status/statusor.h"
#include "base/secret.h"
#include "jose/public_key.h"

namespace tokenbroker::jose {

// A private key of a type and size that Classify takes, PKCS #8 or the older forms.
// Errors: INVALID_REQUEST for what is no PEM private key, an encrypted one included, and
// UnfitPrivateKey for other types and sizes.
absl::StatusOr<PublicKey> ParsePrivatePem(const Secret& pem);

// INVALID_REQUEST: the key is a private key, but not one for its algorithm.
absl::Status UnfitPrivateKey();

}  // namespace tokenbroker::jose
