// The browser binding: proof that the browser which brings a callback began the sign-in
// (RFC 9700 section 4.7).
#pragma once

#include <string>

#include "base/secret.h"

namespace tokenbroker::broker {

// What is stored instead of the binding: its SHA-256.
std::string BindingDigest(const Secret& binding);

// Constant time.
bool BindingMatches(const Secret& binding, const std::string& digest);

}  // namespace tokenbroker::broker
