// A lease that is kept alive while a slow provider answers.
#pragma once

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "base/task.h"
#include "grants/grant_store.h"
#include "net/runtime.h"

namespace tokenbroker::broker {

// Renews at a third of the lease's life until it is destroyed. Losing the lease is not reported
// here: the commit finds out, because it is fenced.
class LeaseRenewal {
 public:
  // `store` outlives the last renewal, which may end shortly after this object.
  LeaseRenewal(Runtime& runtime, grants::GrantStore& store, grants::Lease lease,
               absl::Duration lifetime);
  ~LeaseRenewal();
  LeaseRenewal(const LeaseRenewal&) = delete;
  LeaseRenewal& operator=(const LeaseRenewal&) = delete;

 private:
  struct Watch;
  std::shared_ptr<Watch> watch_;
};

}  // namespace tokenbroker::broker
