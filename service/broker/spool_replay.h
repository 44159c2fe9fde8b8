// Storing what a former process left in the spool.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/grant_turns.h"
#include "broker/refresh_flight.h"
#include "grants/answer_spool.h"

namespace tokenbroker::broker {

// Thread-compatible.
class SpoolReplay {
 public:
  // Reads the spool, which may be null, and takes the turns of its grants, so that none is
  // refreshed with a refresh token that is spent. Blocks. Borrows both.
  SpoolReplay(grants::AnswerSpool* spool, GrantTurns& turns);

  // Stores each answer as a flight, or a sign-in, would have: by compare-and-set, under a lease
  // that `replica` takes, for as long as the store stays away. One whose grant has moved on is
  // discarded; its tokens are revoked only where the grant has ended. One that cannot be used is
  // set aside. Once. `keeper` is held until all is done: it owns what `context` refers to.
  void Begin(const RefreshContext& context, const std::string& replica,
             std::shared_ptr<const void> keeper);

 private:
  struct OfGrant {
    GrantTurns::Turn turn;
    std::vector<grants::SpooledAnswer> answers;  // by generation
  };

  static asio::awaitable<void> Replay(grants::AnswerSpool& spool, RefreshContext context,
                                      std::string holder, OfGrant of_grant,
                                      std::shared_ptr<const void> keeper);

  grants::AnswerSpool* const spool_;
  std::map<std::string, OfGrant> found_;
};

}  // namespace tokenbroker::broker
