#include "jose/pem.h"

#include <openssl/pem.h>

#include <optional>
#include <utility>

#include "base/error.h"
#include "jose/openssl.h"
#include "jose/roca.h"

namespace tokenbroker::jose {
namespace {

// Without one, OpenSSL would ask on the terminal for the passphrase of an encrypted key.
int RefusePassphrase(char*, int, int, void*) { return -1; }

}  // namespace

absl::StatusOr<PublicKey> ParsePrivatePem(const Secret& pem) {
  const ErrorQueueGuard guard;
  const BioPtr bio(BIO_new_mem_buf(pem.Reveal().data(), static_cast<int>(pem.size())));
  PkeyPtr pkey = SharePkey(
      bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, RefusePassphrase, nullptr) : nullptr);
  if (!pkey) {
    return ErrorWithMessage(Reason::kInvalidRequest,
                            "The private key is not an unencrypted PEM private key.");
  }
  if (HasRocaFingerprint(pkey.get())) {
    return ErrorWithMessage(Reason::kInvalidRequest,
                            "The private key has the ROCA weakness (CVE-2017-15361): others can "
                            "compute it from its public half. Make another.");
  }
  std::optional<PublicKey> key = Classify(std::move(pkey));
  if (!key) return UnfitPrivateKey();
  return *std::move(key);
}

absl::Status UnfitPrivateKey() {
  return ErrorWithMessage(Reason::kInvalidRequest,
                          "The private key is not of the type, curve or size of its algorithm.");
}

}  // namespace tokenbroker::jose
