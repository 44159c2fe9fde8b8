// What Redis answers (RESP2), as plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"

namespace tokenbroker {

// What the first word of an error reply says.
enum class RedisErrorKind {
  kOther,
  kLoading,        // LOADING: the data set is being read in
  kBusy,           // BUSY: a script is running
  kReadOnly,       // READONLY: a replica
  kMasterDown,     // MASTERDOWN
  kNoReplicas,     // NOREPLICAS
  kClusterDown,    // CLUSTERDOWN: not all slots are served
  kTryAgain,       // TRYAGAIN: a slot is on its way to another server
  kMoved,          // MOVED: the slot is another server's
  kAsk,            // ASK: another server has this key already
  kCrossSlot,      // CROSSSLOT: keys of several slots in one command
  kNoScript,       // NOSCRIPT
  kNotSignedIn,    // NOAUTH, WRONGPASS
  kDenied,         // NOPERM: the user may not do this
  kOutOfMemory,    // OOM
  kMisconfigured,  // MISCONF: refuses writes since it cannot persist them
  kExecAborted,    // EXECABORT
  kWrongType,      // WRONGTYPE
};

struct RedisError {
  RedisErrorKind kind = RedisErrorKind::kOther;
  std::string message;  // whole, with the first word; may quote arguments, so never into a log

  friend bool operator==(const RedisError&, const RedisError&) = default;
};

struct RedisNil {
  friend bool operator==(const RedisNil&, const RedisNil&) = default;
};

// A simple string, such as OK.
struct RedisStatus {
  std::string text;

  friend bool operator==(const RedisStatus&, const RedisStatus&) = default;
};

struct RedisReply {
  std::variant<RedisNil, std::int64_t, RedisStatus, std::string, std::vector<RedisReply>,
               RedisError>
      value;

  bool IsNil() const { return std::holds_alternative<RedisNil>(value); }
  bool IsOk() const;  // the simple string OK
  // Null where the reply is of another type.
  const std::int64_t* Integer() const { return std::get_if<std::int64_t>(&value); }
  const std::string* String() const { return std::get_if<std::string>(&value); }
  const std::vector<RedisReply>* Array() const {
    return std::get_if<std::vector<RedisReply>>(&value);
  }
  const RedisError* Error() const { return std::get_if<RedisError>(&value); }

  friend bool operator==(const RedisReply&, const RedisReply&) = default;
};

// The error with that message, its kind read from the first word.
RedisError MakeRedisError(std::string_view message);

// `error` as a status for callers, with the kind's word as metadata `redis_error` and nothing else
// of the message. STORE_UNAVAILABLE with NOT_SENT where Redis did nothing and may do it later
// (LOADING, READONLY, MASTERDOWN, OOM, ...) or does not let us in; INTERNAL where we said something
// wrong.
absl::Status StatusOfRedisError(const RedisError& error);

}  // namespace tokenbroker
