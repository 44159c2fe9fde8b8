#include "callers/issuer_keys.h"

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "base/file.h"
#include "base/status_macros.h"

namespace tokenbroker::callers {
namespace {

absl::StatusOr<jose::JwkSet> ReadKeys(const std::string& file) {
  const auto text = ReadFile(file, kMaxNamedFileBytes);
  if (!text.ok()) {
    return ErrorWithMessage(Reason::kInvalidRequest,
                            absl::StrCat(file, " ", std::string(text.status().message()), "."));
  }
  auto keys = jose::JwkSet::Parse(*text);
  if (!keys.ok() || keys->keys().empty()) {
    return ErrorWithMessage(Reason::kInvalidRequest,
                            absl::StrCat(file, " holds no JWK set with a usable key."));
  }
  return keys;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileIssuerKeys>> FileIssuerKeys::Create(std::string file,
                                                                       const Clock& clock) {
  ASSIGN_OR_RETURN(jose::JwkSet keys, ReadKeys(file));
  return std::unique_ptr<FileIssuerKeys>(
      new FileIssuerKeys(std::move(file), clock, std::move(keys)));
}

FileIssuerKeys::FileIssuerKeys(std::string file, const Clock& clock, jose::JwkSet keys)
    : file_(std::move(file)), clock_(clock), keys_(std::move(keys)), read_at_(clock.Now()) {}

jose::JwkSet FileIssuerKeys::keys() const {
  const MutexLock lock(mutex_);
  return keys_;
}

bool FileIssuerKeys::ReadAgain() {
  const absl::Time now = clock_.Now();
  {
    const MutexLock lock(mutex_);
    if (now - read_at_ < kReadInterval) return false;
    read_at_ = now;  // others need not read it as well
  }
  auto keys = ReadKeys(file_);
  if (!keys.ok()) return false;
  const MutexLock lock(mutex_);
  keys_ = *std::move(keys);
  return true;
}

Task<jose::Jwt> FileIssuerKeys::Verify(Secret token, jose::JwsPolicy policy, absl::Time) {
  auto jwt = jose::VerifyJws(token.Reveal(), keys(), policy);
  const bool may_be_old = HasReason(jwt.status(), Reason::kKeyNotFound) ||
                          HasReason(jwt.status(), Reason::kSignatureInvalid);
  if (may_be_old && ReadAgain()) jwt = jose::VerifyJws(token.Reveal(), keys(), policy);
  co_return jwt;
}

}  // namespace tokenbroker::callers
