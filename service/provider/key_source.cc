#include "provider/key_source.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"

namespace tokenbroker::provider {
namespace {

Task<std::string> Immediately(std::string url) { co_return url; }

// Whether other keys could make a token verify that failed with `status`.
bool NewKeysMayHelp(const absl::Status& status) {
  return HasReason(status, Reason::kKeyNotFound) || HasReason(status, Reason::kSignatureInvalid);
}

}  // namespace

JwksUri FixedJwksUri(std::string url) {
  return [url = std::move(url)] { return Immediately(url); };
}

std::shared_ptr<KeySource> KeySource::Create(Runtime& runtime, std::shared_ptr<HttpClient> http,
                                             const Clock& clock, const telemetry::Log& log,
                                             JwksUri uri, KeySourceOptions options) {
  return std::shared_ptr<KeySource>(
      new KeySource(runtime, std::move(http), clock, log, std::move(uri), std::move(options)));
}

KeySource::KeySource(Runtime& runtime, std::shared_ptr<HttpClient> http, const Clock& clock,
                     const telemetry::Log& log, JwksUri uri, KeySourceOptions options)
    : clock_(clock),
      log_(log),
      uri_(std::move(uri)),
      options_(std::move(options)),
      fetcher_(std::move(http), clock, options_.fetch),
      flights_(runtime, clock),
      cached_(options_.max_age),
      forced_fetches_(options_.forced_fetch_burst, options_.forced_fetch_interval) {}

Task<jose::Jwt> KeySource::Verify(Secret token, jose::JwsPolicy policy, absl::Time deadline) {
  return VerifyWith(shared_from_this(), std::move(token), std::move(policy), deadline);
}

Task<jose::Jwt> KeySource::VerifyWith(std::shared_ptr<KeySource> self, Secret token,
                                      jose::JwsPolicy policy, absl::Time deadline) {
  // A token that no key could make good causes no request.
  absl::StatusOr<jose::Jwt> verified = jose::VerifyJws(token.Reveal(), jose::JwkSet(), policy);
  if (!HasReason(verified.status(), Reason::kKeyNotFound)) co_return verified;

  CO_ASSIGN_OR_RETURN(const Pointer keys, co_await Current(self, deadline));
  verified = jose::VerifyJws(token.Reveal(), keys->set, policy);
  if (!NewKeysMayHelp(verified.status())) co_return verified;

  const absl::StatusOr<Pointer> newer = co_await Newer(self, keys->version, deadline);
  if (!newer.ok()) {
    // A signature by a known key is settled; a key that is not known may exist by now.
    if (HasReason(verified.status(), Reason::kSignatureInvalid)) co_return verified;
    co_return newer.status();
  }
  if (*newer == nullptr) co_return verified;
  verified = jose::VerifyJws(token.Reveal(), (*newer)->set, policy);
  if (verified.ok()) self->RewardForcedFetch((*newer)->version);
  co_return verified;
}

Task<KeySource::Pointer> KeySource::Current(std::shared_ptr<KeySource> self, absl::Time deadline) {
  const auto view = self->Look();
  if (view.is_fresh) co_return view.document;
  if (view.blocked) {
    if (view.document) co_return view.document;
    co_return *view.blocked;
  }
  const absl::Time wait_until =
      view.document ? std::min(deadline, self->clock_.Now() + kDocumentPatience) : deadline;
  auto fetch = [self] { return FetchDue(self); };
  absl::StatusOr<Pointer> fetched =
      co_await self->flights_.Run(Flight::kDue, std::move(fetch), wait_until);
  if (fetched.ok() || !view.document || HasReason(fetched.status(), Reason::kCancelled)) {
    co_return fetched;
  }
  co_return view.document;
}

Task<KeySource::Pointer> KeySource::Newer(std::shared_ptr<KeySource> self, std::uint64_t seen,
                                          absl::Time deadline) {
  while (true) {
    const auto view = self->Look();
    if (view.document && view.document->version > seen) co_return view.document;
    if (view.blocked) co_return *view.blocked;
    auto fetch = [self, seen] { return FetchForced(self, seen); };
    absl::StatusOr<Pointer> fetched =
        co_await self->flights_.Run(Flight::kForced, std::move(fetch), deadline);
    // Whoever began the flight may have seen less, and found what we have seen.
    if (!fetched.ok() || *fetched == nullptr || (*fetched)->version > seen) co_return fetched;
  }
}

Task<KeySource::Pointer> KeySource::Fetch(std::shared_ptr<KeySource> self) {
  const absl::StatusOr<HttpResponse> response = co_await self->FetchDocument();
  co_return self->Keep(response);
}

Task<KeySource::Pointer> KeySource::FetchDue(std::shared_ptr<KeySource> self) {
  const auto view = self->Look();
  if (view.is_fresh) co_return view.document;
  co_return co_await Fetch(self);
}

Task<KeySource::Pointer> KeySource::FetchForced(std::shared_ptr<KeySource> self,
                                                std::uint64_t seen) {
  const auto view = self->Look();
  if (view.document && view.document->version > seen) co_return view.document;
  if (!self->TakeForcedFetch()) co_return Pointer();
  co_return co_await Fetch(self);
}

Task<HttpResponse> KeySource::FetchDocument() const {
  CO_ASSIGN_OR_RETURN(std::string url, co_await uri_());
  co_return co_await fetcher_.Fetch(std::move(url));
}

CachedDocument<KeySource::Keys>::View KeySource::Look() const {
  MutexLock lock(mutex_);
  return cached_.Look(clock_.Now());
}

DocumentState KeySource::state() const {
  MutexLock lock(mutex_);
  return cached_.state(clock_.Now());
}

std::vector<std::string> KeySource::key_ids() const {
  const Pointer keys = Look().document;
  std::vector<std::string> ids;
  if (keys == nullptr) return ids;
  for (const jose::Jwk& key : keys->set.keys()) ids.push_back(key.key_id().value_or(""));
  return ids;
}

bool KeySource::TakeForcedFetch() {
  MutexLock lock(mutex_);
  return forced_fetches_.Take(clock_.Now());
}

void KeySource::RewardForcedFetch(std::uint64_t version) {
  MutexLock lock(mutex_);
  if (version <= rewarded_version_) return;
  rewarded_version_ = version;
  forced_fetches_.GiveBack();
}

absl::StatusOr<KeySource::Pointer> KeySource::Keep(const absl::StatusOr<HttpResponse>& response) {
  const absl::Time now = clock_.Now();
  absl::StatusOr<jose::JwkSet> set =
      response.ok() ? jose::JwkSet::Parse(response->body.Reveal()) : response.status();
  bool is_served_old = false;
  absl::Status failure;
  {
    MutexLock lock(mutex_);
    if (set.ok()) {
      auto keys = std::make_shared<const Keys>(Keys{*std::move(set), ++version_});
      cached_.Keep(keys, CacheLifetime(response->headers, options_.lifetime), now);
      return keys;
    }
    failure = cached_.Fail(set.status(), now);
    is_served_old = cached_.Look(now).document != nullptr;
  }
  if (is_served_old) {
    log_.Write(telemetry::Level::kWarning, "issuer keys cannot be renewed",
               {{"reason", Describe(ReasonOf(failure).value_or(Reason::kInternal)).name}});
  }
  return failure;
}

}  // namespace tokenbroker::provider
