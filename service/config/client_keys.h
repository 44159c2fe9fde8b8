// The private keys that a configuration refers to.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "config/secrets.h"
#include "jose/private_key.h"
#include "tokenbroker/config/v1/config.pb.h"

namespace tokenbroker::config {

// Reads a key whose secret is in `secrets` and whose algorithm has been checked.
// Errors: INVALID_ARGUMENT where it is no private key, or none for its algorithm; never holds any
// of it.
absl::StatusOr<jose::PrivateKey> ReadClientKey(const v1::ClientKey& key, const Secrets& secrets);

// What is wrong with the name of an algorithm that signs with a private key; nothing where it is
// right.
std::optional<std::string> SigningAlgorithmFault(const std::string& name);

}  // namespace tokenbroker::config
