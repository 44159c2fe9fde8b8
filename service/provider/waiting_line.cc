#include "provider/waiting_line.h"

#include <iterator>
#include <utility>

namespace tokenbroker::provider {

WaitingLine::Place WaitingLine::Join(Place place, Urgency urgency) {
  const Priority priority = urgency.now();
  line_.push_back({std::move(place), std::move(urgency)});
  if (line_.size() <= max_size_) return nullptr;
  auto last = std::prev(line_.end());
  Priority least = priority;
  for (auto entry = line_.begin(); entry != std::prev(line_.end()); ++entry) {
    const Priority its = entry->urgency.now();
    if (its > priority && its >= least) {
      least = its;
      last = entry;
    }
  }
  Place refused = std::move(last->place);
  line_.erase(last);
  return refused;
}

WaitingLine::Place WaitingLine::Next() {
  std::array<std::list<Entry>::iterator, kPriorities> first;
  first.fill(line_.end());
  for (auto entry = line_.begin(); entry != line_.end(); ++entry) {
    auto& place = first.at(static_cast<std::size_t>(entry->urgency.now()));
    if (place == line_.end()) place = entry;
  }
  std::size_t chosen = kPriorities;
  for (std::size_t i = kPriorities; i-- > 0;) {
    if (first.at(i) == line_.end()) {
      passed_over_.at(i) = 0;
      continue;
    }
    const bool starved = chosen < kPriorities && passed_over_.at(chosen) >= kPassedOver;
    if (!starved) chosen = i;
  }
  if (chosen == kPriorities) return nullptr;
  for (std::size_t i = chosen + 1; i < kPriorities; ++i) {
    if (first.at(i) != line_.end()) ++passed_over_.at(i);
  }
  passed_over_.at(chosen) = 0;
  Place place = std::move(first.at(chosen)->place);
  line_.erase(first.at(chosen));
  return place;
}

void WaitingLine::Leave(const Place& place) {
  line_.remove_if([&](const Entry& entry) { return entry.place == place; });
}

int WaitingLine::Ahead(Priority priority) const {
  int ahead = 0;
  for (const Entry& entry : line_) ahead += entry.urgency.now() <= priority ? 1 : 0;
  return ahead;
}

std::array<int, kPriorities> WaitingLine::sizes() const {
  std::array<int, kPriorities> sizes = {};
  for (const Entry& entry : line_) ++sizes.at(static_cast<std::size_t>(entry.urgency.now()));
  return sizes;
}

}  // namespace tokenbroker::provider
