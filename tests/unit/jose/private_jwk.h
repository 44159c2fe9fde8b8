// Private keys that test vectors write as JWKs.
#pragma once

#include "base/json.h"
#include "base/secret.h"

namespace tokenbroker::jose {

// The PEM of an RSA or EC private JWK (RFC 7518 sections 6.2.2 and 6.3.2). Crashes for anything
// else.
Secret PemFromPrivateJwk(const Json& jwk);

}  // namespace tokenbroker::jose
