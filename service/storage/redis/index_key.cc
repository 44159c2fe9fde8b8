#include "storage/redis/index_key.h"

#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "base/status_macros.h"

namespace tokenbroker::storage {

Task<std::shared_ptr<const grants::KeyedHash>> IndexKey::Get() {
  if (auto known = Known()) co_return known;
  CO_ASSIGN_OR_RETURN(const std::string sealed, co_await FetchOrMake());
  const grants::SealedName name{.name = keys_.IndexKey()};
  CO_ASSIGN_OR_RETURN(Secret key, ring_.Open(sealed, name));
  if (!ring_.SealedWithFirst(sealed)) {
    // Whoever does this at the same time writes the same key, sealed differently.
    std::vector<RedisCall> calls;
    calls.push_back(RedisCall::Command({"SET", keys_.IndexKey(), ring_.Seal(key, name), "XX"}));
    CO_RETURN_IF_ERROR((co_await calls_.Make(0, std::move(calls))).status());
  }
  auto hash = std::make_shared<const grants::KeyedHash>(std::move(key));
  Remember(hash);
  co_return hash;
}

StatusTask IndexKey::Check() const {
  std::vector<RedisCall> read;
  read.push_back(RedisCall::Command({"GET", keys_.IndexKey()}));
  CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> found,
                      co_await calls_.Make(0, std::move(read)));
  if (found.front().IsNil()) co_return absl::OkStatus();
  if (found.front().String() == nullptr) co_return UnexpectedReply();
  co_return ring_.Open(*found.front().String(), {.name = keys_.IndexKey()}).status();
}

void IndexKey::Forget() {
  const MutexLock lock(mutex_);
  known_.reset();
}

std::shared_ptr<const grants::KeyedHash> IndexKey::Known() {
  const MutexLock lock(mutex_);
  return known_;
}

void IndexKey::Remember(std::shared_ptr<const grants::KeyedHash> hash) {
  const MutexLock lock(mutex_);
  known_ = std::move(hash);
}

Task<std::string> IndexKey::FetchOrMake() {
  std::vector<RedisCall> read;
  read.push_back(RedisCall::Command({"GET", keys_.IndexKey()}));
  CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> found,
                      co_await calls_.Make(0, std::move(read)));
  if (found.front().String() != nullptr) co_return *found.front().String();
  if (!found.front().IsNil()) co_return UnexpectedReply();

  const Secret key = Secret::Take(RandomBytes(grants::kSealingKeySize));
  std::vector<RedisCall> make;
  // Replicated: whoever is told a name by it counts on it after a failover.
  make.push_back(RedisCall::Command(
                     {"SET", keys_.IndexKey(), ring_.Seal(key, {.name = keys_.IndexKey()}), "NX"})
                     .Replicated());
  CO_RETURN_IF_ERROR((co_await calls_.Make(0, std::move(make))).status());
  // Another replica may have been first.
  std::vector<RedisCall> look;
  look.push_back(RedisCall::Command({"GET", keys_.IndexKey()}));
  CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> made, co_await calls_.Make(0, std::move(look)));
  if (made.back().String() == nullptr) co_return UnexpectedReply();
  co_return *made.back().String();
}

}  // namespace tokenbroker::storage
