// What tests of failovers have in common.
#pragma once

#include <string>
#include <string_view>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/error.h"
#include "gtest/gtest.h"
#include "net/redis_reply.h"
#include "support/status_matchers.h"

namespace tokenbroker::testing {

// Looks until `holds()`, for up to a minute.
template <typename Condition>
void Eventually(Condition holds) {
  const absl::Time end = absl::Now() + absl::Minutes(1);
  while (!holds()) {
    ASSERT_LT(absl::Now(), end);
    absl::SleepFor(absl::Milliseconds(20));
  }
}

// Calls until the store is there to answer: what a refresh does with its commit.
template <typename Call>
void Insist(Call call) {
  const absl::Time end = absl::Now() + absl::Minutes(1);
  auto result = call();
  while (HasReason(StatusOf(result), Reason::kStoreUnavailable) && absl::Now() < end) {
    absl::SleepFor(absl::Milliseconds(20));
    result = call();
  }
  EXPECT_OK(result);
}

// The value beside `name` in a list of names and values.
inline std::string FieldOf(const RedisReply& reply, std::string_view name) {
  const auto* fields = reply.Array();
  for (std::size_t i = 0; fields != nullptr && i + 1 < fields->size(); i += 2) {
    if (*(*fields)[i].String() == name) return *(*fields)[i + 1].String();
  }
  return "";
}

}  // namespace tokenbroker::testing
