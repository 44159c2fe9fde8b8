// News of grants, passed on to everybody who wants it: the store takes one observer.
//
//   const auto wake_up = std::make_shared<WakeUp>(co_await asio::this_coro::executor);
//   const auto listening = changes.Listen(grant_id, [wake_up] { wake_up->Wake(); });
//   // Read the grant after listening: what changes from here on is told.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "grants/grant_store.h"

namespace tokenbroker::broker {

class TokenCache;

// Thread-safe. Whoever listens may do so longer than this object lives.
class GrantChanges final : public grants::GrantObserver {
 public:
  // Called from the store's threads, under a lock: it must return at once, and neither listen nor
  // stop listening. May be called more often than needed.
  using Tell = std::function<void()>;

  // Tells nothing more once it is gone. Movable.
  class Listening {
   public:
    Listening();
    Listening(Listening&& other) noexcept;
    Listening& operator=(Listening&& other) noexcept;
    ~Listening();

   private:
    friend class GrantChanges;
    struct Place;
    std::unique_ptr<Place> place_;
  };

  // `cache` is told before anybody who listens, so that what they read is new. Borrowed.
  explicit GrantChanges(TokenCache& cache);
  ~GrantChanges() override;

  // Calls `tell` when the grant may have changed: when it has, and when changes that were missed
  // may have been among them.
  [[nodiscard]] Listening Listen(const std::string& grant_id, Tell tell);

  // How often changes have been seen again after they were lost. Who finds another number than
  // before has missed some.
  std::uint64_t interruptions() const;

  // For a place of the cache that is no grant: tells those who listen, and not the cache.
  void TellListeners(const std::string& place);

  void OnGrantChanged(const std::string& grant_id) override;
  void OnChangesLost() override;
  void OnChangesSeenAgain() override;

 private:
  struct Listeners;
  TokenCache& cache_;
  const std::shared_ptr<Listeners> listeners_;
};

}  // namespace tokenbroker::broker
