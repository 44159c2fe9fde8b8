// Which refreshes of the schedule may be under way at the same time, so that all providers get
// their share and a slow one delays no other.
#pragma once

#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "base/mutex.h"

namespace tokenbroker::broker {

// A lane per provider. Where there are several providers, one may take only as many places as are
// still free for the others: so however many are slow, there is a place left for the next. Grants
// of a provider whose lane is full are not waited for: they are told when to come again, in the
// order and at the pace at which the lane serves them. Thread-safe.
class ProviderLanes {
 public:
  struct Bounds {
    int in_all = 256;
    int per_provider = 128;
  };
  // `providers` is how many there are.
  ProviderLanes(Bounds bounds, int providers) : bounds_(bounds), providers_(providers) {}

  // Takes a place in the provider's lane; false where there is none now.
  bool Enter(const std::string& provider, absl::Time now);
  // Gives the place back. `took` is how long it was held.
  void Leave(const std::string& provider, absl::Duration took);
  // When a grant that found no place is to come again.
  absl::Time ComeAgain(const std::string& provider, absl::Time now);
  // Lets nobody in before `until`, at most a minute from `now`: the provider asked for a rest.
  void Rest(const std::string& provider, absl::Time now, absl::Time until);

  int in_all() const;
  std::map<std::string, int> by_provider() const;

 private:
  struct Lane {
    int inside = 0;
    absl::Duration usually_takes = absl::Seconds(1);
    absl::Time resting_until = absl::InfinitePast();
    absl::Time last_told = absl::InfinitePast();  // the time that the last in line was told
  };

  const Bounds bounds_;
  const int providers_;

  mutable Mutex mutex_;
  int inside_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Lane> lanes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker::broker
