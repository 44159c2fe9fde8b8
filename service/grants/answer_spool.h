// Where answers of providers wait that the store cannot take right now: outside the process, so
// that its end loses none.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "grants/grant_store.h"
#include "grants/pending_authorization.h"

namespace tokenbroker::grants {

struct SpooledAnswer {
  std::string name;    // as given to Put
  GrantCommit commit;  // without a lease; of a new grant where the expected generation is 0
  std::optional<FinishedSignIn> sign_in = {};  // that the new grant came from
};

// Thread-safe. Every call blocks for as long as a disk takes.
class AnswerSpool {
 public:
  virtual ~AnswerSpool() = default;

  // Keeps what is to be committed, its lease aside, and what is to be said of the sign-in of a new
  // grant, which may be null; once this returns OK the end of the machine
  // does not lose it. `name` is from the alphabet of RandomToken, unique, and says nothing; what
  // was kept under it before is replaced. Errors: INTERNAL; what is wrong has been logged.
  virtual absl::Status Put(const std::string& name, const GrantCommit& commit,
                           const FinishedSignIn* sign_in) = 0;
  // What is not there is no error. A failure has been logged; the entry is found again at the next
  // start, and discarded because its grant has moved on.
  virtual void Drop(const std::string& name) = 0;
  // What nobody could use: kept for people to look at, looked at again at the next start. Logged
  // with `why`.
  virtual void SetAside(const std::string& name, const absl::Status& why) = 0;
  // Everything that opens, in no order. The rest is set aside.
  virtual std::vector<SpooledAnswer> Load() = 0;
};

}  // namespace tokenbroker::grants
