// The Redis protocol (RESP2), read by hiredis.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "net/redis_reply.h"
#include "net/wiping_buffer.h"

struct redisReader;

namespace tokenbroker {

// A command's name and its arguments; any bytes.
using RedisCommand = std::vector<std::string>;

// Appends `command` as it goes over the wire and wipes its arguments.
// Errors: LIMIT_REACHED above 64 MiB; INVALID_REQUEST where it is empty.
absl::Status EncodeRedisCommand(RedisCommand command, WipingBuffer& out);

// Cuts a stream of bytes into replies. Thread-compatible.
class RespReader {
 public:
  // A reply may take up to `max_reply_bytes` on the wire, and about as much in memory.
  explicit RespReader(std::size_t max_reply_bytes);
  ~RespReader();
  RespReader(RespReader&&) noexcept;
  RespReader& operator=(RespReader&&) noexcept;

  void Feed(std::string_view bytes);

  // The next whole reply; nothing where more bytes are needed. After an error the stream is of no
  // use. Errors: STORE_UNAVAILABLE, cause `malformed` or `too_large`.
  absl::StatusOr<std::optional<RedisReply>> Next();

 private:
  struct Budget;
  struct ReaderDeleter {
    void operator()(redisReader* reader) const;
  };
  std::unique_ptr<Budget> budget_;
  std::unique_ptr<redisReader, ReaderDeleter> reader_;
};

}  // namespace tokenbroker
