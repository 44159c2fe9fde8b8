// The keys of an issuer whose JWTs prove who a caller is.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/secret.h"
#include "base/task.h"
#include "jose/jwk.h"
#include "jose/jws.h"
#include "provider/key_source.h"

namespace tokenbroker::callers {

// Thread-safe.
class IssuerKeys {
 public:
  virtual ~IssuerKeys() = default;

  // Verifies the signature of `token`. Errors: those of jose::VerifyJws; UNAVAILABLE where the keys
  // cannot be had right now.
  virtual Task<jose::Jwt> Verify(Secret token, jose::JwsPolicy policy, absl::Time deadline) = 0;
};

// Keys fetched over HTTPS.
class RemoteIssuerKeys final : public IssuerKeys {
 public:
  explicit RemoteIssuerKeys(std::shared_ptr<provider::KeySource> source)
      : source_(std::move(source)) {}

  Task<jose::Jwt> Verify(Secret token, jose::JwsPolicy policy, absl::Time deadline) override {
    return source_->Verify(std::move(token), std::move(policy), deadline);
  }

 private:
  const std::shared_ptr<provider::KeySource> source_;
};

// Keys from a file with a JWK set. It is read again when a token does not verify and the last time
// was `kReadInterval` ago or longer; a file that is broken by then changes nothing.
class FileIssuerKeys final : public IssuerKeys {
 public:
  static constexpr absl::Duration kReadInterval = absl::Seconds(10);

  // Errors: INVALID_REQUEST where the file cannot be read, or is no JWK set with a usable key; the
  // message names the file. Borrows the clock.
  static absl::StatusOr<std::unique_ptr<FileIssuerKeys>> Create(std::string file,
                                                                const Clock& clock);

  Task<jose::Jwt> Verify(Secret token, jose::JwsPolicy policy, absl::Time deadline) override;

 private:
  FileIssuerKeys(std::string file, const Clock& clock, jose::JwkSet keys);

  jose::JwkSet keys() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether the keys may have changed.
  bool ReadAgain() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string file_;
  const Clock& clock_;

  mutable Mutex mutex_;
  jose::JwkSet keys_ ABSL_GUARDED_BY(mutex_);
  absl::Time read_at_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker::callers
