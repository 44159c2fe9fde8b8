#include "broker/reaper.h"

#include <utility>

#include "broker/revocation.h"
#include "broker/revocation_queue.h"

namespace tokenbroker::broker {

asio::awaitable<void> Reaper::End(grants::Grant grant, std::string because) {
  const telemetry::Field grant_id{"grant_id", grant.id};
  const telemetry::Field reason{"because", because};
  const telemetry::Field client_name{"client", grant.client};
  if (options_.dry_run) {
    ended_.fetch_add(1);
    log_.Write(telemetry::Level::kInfo, "would end dead grant", {grant_id, client_name, reason});
    co_return;
  }
  std::string sought = grant.id;
  const auto ended = co_await store_.EndGrant(
      std::move(sought), grants::GrantState::kReauthorizationRequired, because, kTombstoneLifetime);
  if (!ended.ok()) co_return;
  ended_.fetch_add(1);
  log_.Write(telemetry::Level::kInfo, "ended dead grant", {grant_id, client_name, reason});
  const ClientPtr client = clients_.FindAny(grant.client);
  if (client == nullptr) co_return;
  const RevocationQueue revocations(clients_, store_, clock_, runtime_);
  revocations.Submit(*client, TokensOf(*ended));
}

asio::awaitable<void> Reaper::Forget(int slice, std::vector<std::string> gone) {
  if (gone.empty()) co_return;
  if (options_.dry_run) {
    forgotten_.fetch_add(gone.size());
    log_.Write(telemetry::Level::kInfo, "would forget ids without a grant",
               {{"ids", static_cast<std::int64_t>(gone.size())}});
    co_return;
  }
  const auto forgotten = co_await store_.ForgetGone(slice, std::move(gone));
  if (forgotten.ok()) forgotten_.fetch_add(*forgotten);
}

ReaperState Reaper::state() const {
  return {.ended = ended_.load(), .forgotten = forgotten_.load()};
}

}  // namespace tokenbroker::broker
