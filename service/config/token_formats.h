// How clients' tokens are signed and encrypted, as a configuration says.
#pragma once

#include "absl/status/statusor.h"
#include "config/faults.h"
#include "config/secrets.h"
#include "jose/jwe.h"
#include "tokenbroker/config/v1/config.pb.h"

namespace tokenbroker::config {

// The secrets that a client shares with its provider; empty where it proves itself without.
google::protobuf::RepeatedPtrField<v1::SecretSource> SharedSecretsOf(const v1::Client& client);

// Reads a key whose secret is in `secrets` and whose algorithm has been checked.
// Errors: INVALID_ARGUMENT where it is no private key, or none for its algorithm; never holds any
// of it.
absl::StatusOr<jose::DecryptionKey> ReadDecryptionKey(const v1::DecryptionKey& key,
                                                      const Secrets& secrets);

// What can only be said of token formats once the secrets have been read: keys that decrypt, and
// secrets that are to verify signatures.
void CheckTokenSecrets(const v1::Config& config, const Secrets& secrets, Faults& faults);

}  // namespace tokenbroker::config
