#include "broker/browser_binding.h"

#include "base/sha256.h"

namespace tokenbroker::broker {

std::string BindingDigest(const Secret& binding) { return Sha256(binding.Reveal()); }

bool BindingMatches(const Secret& binding, const std::string& digest) {
  return !binding.empty() && ConstantTimeEquals(BindingDigest(binding), digest);
}

}  // namespace tokenbroker::broker
