// The last good copy of something a provider publishes, and when to ask again.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "provider/back_off.h"
#include "provider/provider_state.h"

namespace tokenbroker::provider {

// Thread-compatible.
template <typename T>
class CachedDocument {
 public:
  // What there is at one instant.
  struct View {
    std::shared_ptr<const T> document;    // null where there is none, or it is too old
    bool is_fresh = false;                // `document` needs no fetch
    std::optional<absl::Status> blocked;  // why no fetch is due now, the last one having failed
  };

  // `max_age`: how old a document may get while fetching another fails.
  explicit CachedDocument(absl::Duration max_age) : max_age_(max_age) {}

  View Look(absl::Time now) const {
    const absl::Duration age = now - fetched_at_;
    View view;
    if (document_ && age < max_age_) view.document = document_;
    view.is_fresh = view.document && age < lifetime_;
    view.blocked = back_off_.Blocked(now);
    return view;
  }

  DocumentState state(absl::Time now) const {
    DocumentState state{.failing_until = back_off_.BlockedUntil(now)};
    if (document_ && lifetime_ != absl::InfiniteDuration()) state.fetched_at = fetched_at_;
    return state;
  }

  // The last good document, however old; null where there never was one.
  const std::shared_ptr<const T>& last() const { return document_; }

  void Keep(std::shared_ptr<const T> document, absl::Duration lifetime, absl::Time now) {
    document_ = std::move(document);
    lifetime_ = lifetime;
    fetched_at_ = now;
    back_off_.Succeeded();
  }

  // Returns `failure` with RetryInfo.
  absl::Status Fail(absl::Status failure, absl::Time now) {
    return back_off_.Failed(std::move(failure), now);
  }

 private:
  const absl::Duration max_age_;
  std::shared_ptr<const T> document_;
  absl::Duration lifetime_;
  absl::Time fetched_at_;
  BackOff back_off_;
};

}  // namespace tokenbroker::provider
