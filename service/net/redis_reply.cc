#include "net/redis_reply.h"

#include <algorithm>

#include "base/error.h"
#include "net/delivery.h"

namespace tokenbroker {
namespace {

struct KindRow {
  std::string_view word;
  RedisErrorKind kind;
};

constexpr KindRow kKinds[] = {
    {"LOADING", RedisErrorKind::kLoading},
    {"BUSY", RedisErrorKind::kBusy},
    {"READONLY", RedisErrorKind::kReadOnly},
    {"MASTERDOWN", RedisErrorKind::kMasterDown},
    {"NOREPLICAS", RedisErrorKind::kNoReplicas},
    {"CLUSTERDOWN", RedisErrorKind::kClusterDown},
    {"TRYAGAIN", RedisErrorKind::kTryAgain},
    {"MOVED", RedisErrorKind::kMoved},
    {"ASK", RedisErrorKind::kAsk},
    {"CROSSSLOT", RedisErrorKind::kCrossSlot},
    {"NOSCRIPT", RedisErrorKind::kNoScript},
    {"NOAUTH", RedisErrorKind::kNotSignedIn},
    {"WRONGPASS", RedisErrorKind::kNotSignedIn},
    {"NOPERM", RedisErrorKind::kDenied},
    {"OOM", RedisErrorKind::kOutOfMemory},
    {"MISCONF", RedisErrorKind::kMisconfigured},
    {"EXECABORT", RedisErrorKind::kExecAborted},
    {"WRONGTYPE", RedisErrorKind::kWrongType},
};

const KindRow* FindKind(std::string_view message) {
  const std::string_view word = message.substr(0, message.find(' '));
  const auto* found = std::find_if(std::begin(kKinds), std::end(kKinds),
                                   [word](const KindRow& row) { return row.word == word; });
  return found == std::end(kKinds) ? nullptr : found;
}

bool IsOurFault(RedisErrorKind kind) {
  switch (kind) {
    case RedisErrorKind::kOther:
    case RedisErrorKind::kCrossSlot:
    case RedisErrorKind::kNoScript:
    case RedisErrorKind::kExecAborted:
    case RedisErrorKind::kWrongType:
      return true;
    case RedisErrorKind::kLoading:
    case RedisErrorKind::kBusy:
    case RedisErrorKind::kReadOnly:
    case RedisErrorKind::kMasterDown:
    case RedisErrorKind::kNoReplicas:
    case RedisErrorKind::kClusterDown:
    case RedisErrorKind::kTryAgain:
    case RedisErrorKind::kMoved:
    case RedisErrorKind::kAsk:
    case RedisErrorKind::kNotSignedIn:
    case RedisErrorKind::kDenied:
    case RedisErrorKind::kOutOfMemory:
    case RedisErrorKind::kMisconfigured:
      return false;
  }
  return true;
}

}  // namespace

bool RedisReply::IsOk() const {
  const auto* status = std::get_if<RedisStatus>(&value);
  return status != nullptr && status->text == "OK";
}

RedisError MakeRedisError(std::string_view message) {
  const KindRow* row = FindKind(message);
  return {row == nullptr ? RedisErrorKind::kOther : row->kind, std::string(message)};
}

absl::Status StatusOfRedisError(const RedisError& error) {
  const KindRow* row = FindKind(error.message);
  const std::string word(row == nullptr ? "other" : row->word);
  if (IsOurFault(error.kind)) return Error(Reason::kInternal, {{"redis_error", word}});
  return WithDelivery(Error(Reason::kStoreUnavailable, {{"redis_error", word}}), Delivery::kNotSent,
                      "refused");
}

}  // namespace tokenbroker
