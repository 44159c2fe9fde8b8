// The keys that a client's tokens are bound to (RFC 9449): one for each grant, made at the sign-in
// and kept in the record.
#pragma once

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/client.h"
#include "grants/stored_key.h"
#include "oauth/dpop.h"
#include "oauth/provider_metadata.h"

namespace tokenbroker::broker {

// A new key for a client that uses DPoP; null for any other. RSA keys take a tenth of a second.
// Errors: INTERNAL where OpenSSL fails.
absl::StatusOr<oauth::DpopKey> MakeDpopKey(const Client& client);

// Whether the provider says that it takes the client's proofs, or does not say.
// Errors: PROVIDER_MISCONFIGURED with metadata `member`.
absl::Status CheckDpopSupport(const Client& client, const oauth::ProviderMetadata& metadata);

// Between a key and how it is kept; null and nothing correspond. Errors: INTERNAL where OpenSSL
// fails; RECORD_UNREADABLE where what was stored is no key.
absl::StatusOr<std::optional<grants::StoredKey>> Store(const oauth::DpopKey& key);
absl::StatusOr<oauth::DpopKey> Load(const std::optional<grants::StoredKey>& stored);

}  // namespace tokenbroker::broker
