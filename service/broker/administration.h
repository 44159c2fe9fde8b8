// What operators do with grants, whoever made them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/task.h"
#include "broker/asker.h"
#include "broker/client.h"
#include "broker/refresh.h"
#include "broker/revocation.h"
#include "grants/grant_store.h"

namespace tokenbroker::broker {

// Which grants to revoke.
struct RevocationWish {
  std::string client;
  std::optional<std::string> subject;
  std::size_t page_size = 0;  // 0: the default
  std::string page_token;
};

// What became of one page of them.
struct RevocationPage {
  int revoked = 0;
  std::string next_page_token;  // empty: the end
};

// Thread-safe. Borrows everything given to it. Whatever an asker's own grants, it sees those of all
// callers, as far as its policy lets it use their clients.
class Administration {
 public:
  Administration(const Clients& clients, grants::GrantStore& store, const Clock& clock,
                 Refresh& refresh, Revocation& revocation)
      : clients_(clients),
        store_(store),
        clock_(clock),
        refresh_(refresh),
        revocation_(revocation) {}

  // Errors: CLIENT_UNKNOWN, PAGE_TOKEN_INVALID, STORE_UNAVAILABLE.
  Task<grants::GrantPage> ListGrants(const Asker& asker, grants::GrantFilter filter,
                                     std::size_t page_size, std::string page_token);

  // Refreshes the grant's own token now, unless that is being done already. Returns the grant as it
  // is then. Errors: GRANT_UNKNOWN, those of Refresh::Renew.
  Task<grants::Grant> RefreshGrant(const Asker& asker, std::string grant_id, absl::Time deadline);

  // Ends one page of grants, here and at the provider. After an error the same call may be made
  // again: what has ended is passed over. Errors: CLIENT_UNKNOWN, PAGE_TOKEN_INVALID,
  // STORE_UNAVAILABLE, DEADLINE_EXCEEDED.
  Task<RevocationPage> RevokeGrants(const Asker& asker, RevocationWish wish, absl::Time deadline);

  // See GrantStore::RewrapGrants.
  Task<grants::RewrapPage> RewrapGrants(std::size_t page_size, std::string page_token);

 private:
  const Clients& clients_;
  grants::GrantStore& store_;
  const Clock& clock_;
  Refresh& refresh_;
  Revocation& revocation_;
};

}  // namespace tokenbroker::broker
