// Signing out: the URL that ends the session at the provider, and the provider's word that a
// session has ended.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/task.h"
#include "broker/asker.h"
#include "broker/client.h"
#include "broker/revocation_queue.h"
#include "grants/grant_store.h"

namespace tokenbroker::broker {

struct LogoutWish {
  std::string grant_id;
  std::string post_logout_redirect_uri;  // empty: the provider's own page
  std::string state;                     // empty: none
};

struct SubmittedLogoutToken {
  std::string client;
  Secret logout_token;
};

// Thread-safe. Borrows everything given to it.
class Logout {
 public:
  Logout(const Clients& clients, grants::GrantStore& store, const Clock& clock,
         RevocationQueue revocations);

  // The URL of RP-initiated logout, which holds the ID token. Changes nothing: the grant ends when
  // it is revoked, or when the provider says by a logout token that the session has ended. For a
  // grant that has ended, and has no ID token any more, the provider asks the user.
  // Errors: GRANT_UNKNOWN, INVALID_REQUEST, REDIRECT_URI_NOT_REGISTERED, OPERATION_NOT_SUPPORTED,
  // those of Provider::Metadata, STORE_UNAVAILABLE.
  Task<Secret> CreateUrl(const Asker& asker, LogoutWish wish, absl::Time deadline);

  // Checks a back-channel logout token and ends every grant of the session or subject that it
  // names, whichever caller made it. Returns how many ended by this call. Their tokens, which may
  // outlive the session at the provider, are revoked by the queue. A token counts once: delivered
  // again, it ends nothing.
  // Errors: CLIENT_UNKNOWN, INVALID_REQUEST, those of Provider::VerifySignature and
  // oauth::ValidateLogoutToken, STORE_UNAVAILABLE (delivering it again goes on where it failed);
  // RECORD_UNREADABLE where a grant that may be meant does not open with the keys: all others have
  // ended then, and the token counts again once the key is back.
  Task<int> SubmitToken(const Asker& asker, SubmittedLogoutToken submitted, absl::Time deadline);

 private:
  Task<int> EndGrants(grants::GrantFilter filter, std::string client_id);

  const Clients& clients_;
  grants::GrantStore& store_;
  const Clock& clock_;
  const RevocationQueue revocations_;
};

}  // namespace tokenbroker::broker
