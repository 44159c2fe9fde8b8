// Ends grants that are dead: see ReapRules and NextStepFor.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "asio/awaitable.hpp"
#include "base/clock.h"
#include "broker/client.h"
#include "broker/next_step.h"
#include "grants/grant_store.h"
#include "net/runtime.h"
#include "telemetry/log.h"

namespace tokenbroker::broker {

struct ReaperOptions {
  ReapRules rules;
  bool dry_run = false;  // only counts and logs
};

// What a replica has reaped since it started; of a dry run, what it would have.
struct ReaperState {
  std::uint64_t ended = 0;      // grants
  std::uint64_t forgotten = 0;  // ids without a grant
};

// Thread-safe. Borrows everything given to it.
class Reaper {
 public:
  Reaper(const Clients& clients, grants::GrantStore& store, const Clock& clock, Runtime& runtime,
         const telemetry::Log& log, ReaperOptions options)
      : clients_(clients),
        store_(store),
        clock_(clock),
        runtime_(runtime),
        log_(log),
        options_(options) {}

  const ReapRules& rules() const { return options_.rules; }
  bool dry_run() const { return options_.dry_run; }

  // Ends the grant, and has its tokens revoked where its client is still configured. Best effort:
  // what does not succeed is found again.
  asio::awaitable<void> End(grants::Grant grant, std::string because);
  // Takes the ids out of the slice's lists.
  asio::awaitable<void> Forget(int slice, std::vector<std::string> gone);

  ReaperState state() const;

 private:
  const Clients& clients_;
  grants::GrantStore& store_;
  const Clock& clock_;
  Runtime& runtime_;
  const telemetry::Log& log_;
  const ReaperOptions options_;
  std::atomic<std::uint64_t> ended_ = 0;
  std::atomic<std::uint64_t> forgotten_ = 0;
};

}  // namespace tokenbroker::broker
