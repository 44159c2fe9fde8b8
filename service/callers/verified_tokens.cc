#include "callers/verified_tokens.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>

#include "base/thread_index.h"

namespace tokenbroker::callers {
namespace {

VerifiedTokens::Digest Sha256(std::string_view text) {
  // Fetched once: looking the algorithm up costs more than hashing a token.
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  VerifiedTokens::Digest digest;
  if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, algorithm, nullptr) != 1) {
    std::abort();  // out of memory
  }
  return digest;
}

}  // namespace

VerifiedTokens::Found VerifiedTokens::Find(std::string_view token, absl::Time now) const {
  Found found{.place = {.part = ThreadIndex() % kParts, .digest = Sha256(token)}};
  const Part& part = parts_[found.place.part];
  const MutexLock lock(part.mutex);
  const auto entry = part.entries.find(found.place.digest);
  if (entry != part.entries.end() && now < entry->second.until) found.caller = entry->second.caller;
  return found;
}

void VerifiedTokens::Remember(const Place& place, const Caller& caller, absl::Time until) {
  Part& part = parts_[place.part];
  const MutexLock lock(part.mutex);
  if (part.entries.size() >= max_per_thread_) {
    part.entries.erase(std::ranges::min_element(
        part.entries, {}, [](const auto& entry) { return entry.second.until; }));
  }
  part.entries.insert_or_assign(place.digest, Entry{&caller, until});
}

}  // namespace tokenbroker::callers
