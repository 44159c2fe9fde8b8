#include "broker/held_answers.h"

#include <utility>

#include "base/random.h"

namespace tokenbroker::broker {

grants::GrantCommit WithoutLease(const grants::GrantCommit& commit) {
  return {.grant = commit.grant.Copy(), .expected_generation = commit.expected_generation};
}

HeldAnswers::Held::Held(HeldAnswers& all, grants::GrantCommit commit,
                        std::optional<grants::FinishedSignIn> sign_in)
    : all_(all), name_(RandomToken(16)), sign_in_(std::move(sign_in)), commit_(std::move(commit)) {}

HeldAnswers::Held::~Held() {
  const MutexLock lock(all_.mutex_);
  all_.held_.erase(this);
}

void HeldAnswers::Held::Replace(const grants::GrantCommit& commit) {
  const MutexLock lock(mutex_);
  commit_ = WithoutLease(commit);
  is_current_on_disk_ = false;
}

void HeldAnswers::Held::Spool() {
  if (all_.spool_ == nullptr) return;
  const MutexLock lock(mutex_);
  if (is_settled_ || is_current_on_disk_) return;
  is_current_on_disk_ = all_.spool_->Put(name_, commit_, sign_in_ ? &*sign_in_ : nullptr).ok();
  is_on_disk_ |= is_current_on_disk_;
}

void HeldAnswers::Held::Settle() {
  const MutexLock lock(mutex_);
  is_settled_ = true;
  if (is_on_disk_) all_.spool_->Drop(name_);
}

std::shared_ptr<HeldAnswers::Held> HeldAnswers::Hold(
    grants::GrantCommit commit, std::optional<grants::FinishedSignIn> sign_in) {
  commit.lease.reset();
  commit.release_lease = false;
  auto held = std::shared_ptr<Held>(new Held(*this, std::move(commit), std::move(sign_in)));
  bool spool_now = when_ == SpoolWhen::kEveryAnswer;
  {
    const MutexLock lock(mutex_);
    held_.insert(held.get());
    spool_now |= is_closing_;
  }
  if (spool_now) held->Spool();
  return held;
}

void HeldAnswers::SpoolAll() {
  // Under the lock, so that none is destroyed meanwhile; nobody takes it while holding an answer's.
  const MutexLock lock(mutex_);
  is_closing_ = true;
  for (Held* held : held_) held->Spool();
}

}  // namespace tokenbroker::broker
