// Who waits for a provider: the most urgent first, and nobody forever.
#pragma once

#include <array>
#include <cstddef>
#include <list>
#include <memory>

#include "provider/permit.h"
#include "provider/waiter.h"

namespace tokenbroker::provider {

// Thread-compatible. How urgent a waiter is counts at the moment when somebody is let through, so
// one that is raised while it waits moves ahead. Of equally urgent ones the first comes first.
//
// Nobody starves: each time that waiters are passed over for a more urgent one is counted, and
// after kPassedOver times in a row their first is let through. So among urgent requests without
// end, each of the two lesser kinds still gets one place in eleven.
class WaitingLine {
 public:
  using Place = std::shared_ptr<Waiter<bool>>;
  static constexpr int kPassedOver = 10;

  explicit WaitingLine(std::size_t max_size) : max_size_(max_size) {}

  // Joins at the end. Where the line is full, the last of the least urgent gives way to one that is
  // more urgent, and is returned, for the caller to refuse; so is `place` itself where it is the
  // least urgent. Null: there was room.
  Place Join(Place place, Urgency urgency);

  // Takes out whoever is next; null where nobody waits.
  Place Next();

  // Takes `place` out, if it is still there.
  void Leave(const Place& place);

  std::size_t size() const { return line_.size(); }
  // How many who join now with `priority` would have before them.
  int Ahead(Priority priority) const;
  // How many there are, by Priority.
  std::array<int, kPriorities> sizes() const;

 private:
  struct Entry {
    Place place;
    Urgency urgency;
  };

  const std::size_t max_size_;
  std::list<Entry> line_;
  std::array<int, kPriorities> passed_over_ = {};
};

}  // namespace tokenbroker::provider
