#include "broker/spool_replay.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "broker/pause.h"
#include "broker/refresh_commit.h"
#include "broker/revocation.h"

namespace tokenbroker::broker {
namespace {

// What has become of the grant, as soon as the store says so.
Task<grants::Grant> FindWhenBack(grants::GrantStore& store, std::string grant_id) {
  Backoff backoff(absl::Milliseconds(50), absl::Seconds(2));
  while (true) {
    std::string sought = grant_id;
    auto grant = co_await store.FindGrant(std::move(sought));
    if (!HasReason(grant.status(), Reason::kStoreUnavailable)) co_return grant;
    co_await Pause(backoff.Next());
  }
}

// OK: the answer is stored, or nobody needs it. Otherwise it is of no use now, and may be later.
StatusTask ReplayOne(RefreshContext context, std::string holder, grants::GrantCommit commit) {
  const std::string grant_id = commit.grant.id;
  auto there = co_await FindWhenBack(context.store, grant_id);
  if (!there.ok()) co_return there.status();
  const ClientPtr client = context.clients.FindAny(commit.grant.client);
  std::vector<IssuedToken> issued = TokensOf(commit.grant);
  if (there->state == grants::GrantState::kActive &&
      there->generation == commit.expected_generation) {
    // Uses and touches since then stay.
    commit.grant.last_used_at = std::max(commit.grant.last_used_at, there->last_used_at);
    commit.release_lease = true;
    auto stored = co_await CommitUntilStored(
        context.store, std::move(commit), nullptr, std::move(holder),
        client == nullptr ? RefreshRules().lease : client->refresh.lease);
    if (!HasReason(stored.status(), Reason::kGenerationConflict)) co_return stored.status();
    there = co_await FindWhenBack(context.store, grant_id);
    if (!there.ok()) co_return there.status();
  }
  if (there->state != grants::GrantState::kActive && client != nullptr) {
    context.revocations.Submit(*client, std::move(issued));
  }
  co_return absl::OkStatus();
}

// The grant of a sign-in whose code is spent. OK as above.
StatusTask ReplaySignIn(RefreshContext context, grants::Grant grant,
                        std::optional<grants::FinishedSignIn> sign_in) {
  const ClientPtr client = context.clients.FindAny(grant.client);
  const absl::Time created_at = grant.created_at;
  if (context.clock.Now() - created_at >= kTombstoneLifetime) {
    // It may have been stored, and have ended, without a trace.
    if (client != nullptr) context.revocations.Submit(*client, TokensOf(grant));
    co_return absl::OkStatus();
  }
  absl::Status stored = co_await CreateUntilStored(context.store, std::move(grant), nullptr);
  if (!stored.ok() || !sign_in) co_return stored;
  grants::FinishedSignIn finished = *std::move(sign_in);
  // STATE_UNKNOWN: the request's life is over, and who asks for the grant finds it by its subject.
  (void)co_await FinishUntilStored(context.store, context.clock, std::move(finished),
                                   created_at + kTombstoneLifetime);
  co_return absl::OkStatus();
}

}  // namespace

SpoolReplay::SpoolReplay(grants::AnswerSpool* spool, GrantTurns& turns) : spool_(spool) {
  if (spool_ == nullptr) return;
  for (grants::SpooledAnswer& answer : spool_->Load()) {
    const std::string& grant_id = answer.commit.grant.id;
    const auto found = found_.find(grant_id);
    if (found != found_.end()) {
      found->second.answers.push_back(std::move(answer));
      continue;
    }
    // Nobody else can have it: nothing is refreshed yet.
    std::optional<GrantTurns::Turn> turn = turns.TryTake(grant_id);
    if (!turn) continue;
    std::vector<grants::SpooledAnswer> answers;
    std::string id = grant_id;
    answers.push_back(std::move(answer));
    found_.emplace(std::move(id), OfGrant{*std::move(turn), std::move(answers)});
  }
  for (auto& [grant_id, of_grant] : found_) {
    std::ranges::sort(of_grant.answers, [](const auto& a, const auto& b) {
      return a.commit.expected_generation < b.commit.expected_generation;
    });
  }
}

void SpoolReplay::Begin(const RefreshContext& context, const std::string& replica,
                        std::shared_ptr<const void> keeper) {
  int number = 0;
  for (auto& [grant_id, of_grant] : found_) {
    std::string holder = absl::StrCat(replica, "/spool/", number++);
    context.runtime.Spawn(Replay(*spool_, context, std::move(holder), std::move(of_grant), keeper));
  }
  found_.clear();
}

asio::awaitable<void> SpoolReplay::Replay(grants::AnswerSpool& spool, RefreshContext context,
                                          std::string holder, OfGrant of_grant,
                                          std::shared_ptr<const void> keeper) {
  // The turn ends before what it belongs to.
  const std::shared_ptr<const void> kept = std::move(keeper);
  const OfGrant work = std::move(of_grant);
  for (const grants::SpooledAnswer& answer : work.answers) {
    grants::GrantCommit commit = WithoutLease(answer.commit);
    std::string name = holder;
    absl::Status done;
    if (answer.commit.expected_generation == 0) {
      std::optional<grants::FinishedSignIn> sign_in;
      if (answer.sign_in) sign_in = answer.sign_in->Copy();
      done = co_await ReplaySignIn(context, std::move(commit.grant), std::move(sign_in));
    } else {
      done = co_await ReplayOne(context, std::move(name), std::move(commit));
    }
    if (done.ok()) {
      spool.Drop(answer.name);
    } else {
      spool.SetAside(answer.name, done);
    }
  }
}

}  // namespace tokenbroker::broker
