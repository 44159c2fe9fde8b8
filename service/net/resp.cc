#include "net/resp.h"

#include <hiredis/hiredis.h>
#include <hiredis/read.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <new>
#include <utility>

#include "base/error.h"
#include "base/secret.h"
#include "net/delivery.h"

namespace tokenbroker {

// What the reply being read may still take, and why it was given up.
struct RespReader::Budget {
  explicit Budget(std::size_t max) : max_bytes(max), left(max) {}

  bool Take(std::size_t bytes) {
    too_large = too_large || bytes > left;
    if (!too_large) left -= bytes;
    return !too_large;
  }

  const std::size_t max_bytes;
  std::size_t left;
  bool too_large = false;
};

namespace {

constexpr std::size_t kMaxCommandBytes = 64 << 20;
constexpr std::string_view kEndOfLine = "\r\n";
constexpr std::size_t kMostDigits = 20;
// A type, a number, and two ends of lines.
constexpr std::size_t kMostHeaderBytes = 32;

// Not through hiredis, which prints each number with sprintf into a copy that has to be wiped.
void AppendHeader(char type, std::size_t number, WipingBuffer& out) {
  std::array<char, kMostHeaderBytes> header;
  header[0] = type;
  // Every size_t fits.
  char* end = std::to_chars(header.data() + 1, header.data() + 1 + kMostDigits, number).ptr;
  end = std::copy(kEndOfLine.begin(), kEndOfLine.end(), end);
  out.Append({header.data(), static_cast<std::size_t>(end - header.data())});
}

absl::Status BadReply(std::string_view cause) {
  return WithDelivery(Error(Reason::kStoreUnavailable), Delivery::kUnknown, cause);
}

// hiredis builds replies through these callbacks; null stands for "out of memory" and ends the
// stream. A root is allocated here; an element lies in its parent's array, which was made in its
// final size.
RedisReply* Place(const redisReadTask* task) {
  if (task->parent == nullptr) return new (std::nothrow) RedisReply;
  auto* elements =
      std::get_if<std::vector<RedisReply>>(&static_cast<RedisReply*>(task->parent->obj)->value);
  return &elements->at(static_cast<std::size_t>(task->idx));
}

template <typename Budget>
bool Afford(const redisReadTask* task, std::size_t bytes) {
  return static_cast<Budget*>(task->privdata)->Take(bytes);
}

template <typename Budget>
void* CreateString(const redisReadTask* task, char* text, std::size_t size) {
  if (!Afford<Budget>(task, size)) return nullptr;
  const std::string_view bytes(text, size);
  const int type = task->type;
  if (type != REDIS_REPLY_STRING && type != REDIS_REPLY_STATUS && type != REDIS_REPLY_ERROR) {
    return nullptr;
  }
  RedisReply* reply = Place(task);
  if (reply == nullptr) return nullptr;
  if (type == REDIS_REPLY_ERROR) {
    reply->value = MakeRedisError(bytes);
  } else if (type == REDIS_REPLY_STATUS) {
    reply->value = RedisStatus{std::string(bytes)};
  } else {
    reply->value = std::string(bytes);
  }
  return reply;
}

// `Count` is int up to hiredis 0.14 and size_t since 1.0.
template <typename Budget, typename Count>
void* CreateArray(const redisReadTask* task, Count count) {
  const auto elements = static_cast<std::size_t>(count);
  constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max() / sizeof(RedisReply);
  if (task->type != REDIS_REPLY_ARRAY ||
      !Afford<Budget>(task, std::min(elements, kMost) * sizeof(RedisReply))) {
    return nullptr;
  }
  RedisReply* reply = Place(task);
  if (reply == nullptr) return nullptr;
  reply->value = std::vector<RedisReply>(elements);
  return reply;
}

void* CreateInteger(const redisReadTask* task, long long value) {
  RedisReply* reply = Place(task);
  if (reply != nullptr) reply->value = std::int64_t{value};
  return reply;
}

void* CreateNil(const redisReadTask* task) { return Place(task); }

void FreeReply(void* reply) { delete static_cast<RedisReply*>(reply); }

template <typename Budget>
redisReplyObjectFunctions* Functions() {
  static redisReplyObjectFunctions functions = [] {
    redisReplyObjectFunctions made = {};
    made.createString = CreateString<Budget>;
    made.createArray = CreateArray<Budget>;
    made.createInteger = CreateInteger;
    made.createNil = CreateNil;
    made.freeObject = FreeReply;
#if HIREDIS_MAJOR >= 1
    // Types of RESP3, which was not asked for.
    made.createDouble = [](const redisReadTask*, double, char*, std::size_t) -> void* {
      return nullptr;
    };
    made.createBool = [](const redisReadTask*, int) -> void* { return nullptr; };
#endif
    return made;
  }();
  return &functions;
}

}  // namespace

absl::Status EncodeRedisCommand(RedisCommand command, WipingBuffer& out) {
  if (command.empty()) return ErrorWithMessage(Reason::kInvalidRequest, "A command has no name.");
  std::size_t total = kMostHeaderBytes;
  for (const std::string& argument : command) total += argument.size() + kMostHeaderBytes;
  if (total > kMaxCommandBytes) return Error(Reason::kLimitReached, {{"limit", "redis_command"}});
  out.Reserve(total);
  AppendHeader('*', command.size(), out);
  for (std::string& argument : command) {
    AppendHeader('$', argument.size(), out);
    out.Append(argument);
    out.Append(kEndOfLine);
    WipeString(argument);
  }
  return absl::OkStatus();
}

void RespReader::ReaderDeleter::operator()(redisReader* reader) const { redisReaderFree(reader); }

RespReader::RespReader(std::size_t max_reply_bytes)
    : budget_(std::make_unique<Budget>(max_reply_bytes)),
      reader_(redisReaderCreateWithFunctions(Functions<Budget>())) {
  if (reader_ == nullptr) throw std::bad_alloc();
  // redisReaderSetPrivdata() does not compile as C++.
  reader_->privdata = budget_.get();
}

RespReader::~RespReader() = default;
RespReader::RespReader(RespReader&&) noexcept = default;
RespReader& RespReader::operator=(RespReader&&) noexcept = default;

void RespReader::Feed(std::string_view bytes) {
  // A failure is remembered by the reader and comes back from Next().
  redisReaderFeed(reader_.get(), bytes.data(), bytes.size());
}

absl::StatusOr<std::optional<RedisReply>> RespReader::Next() {
  void* object = nullptr;
  if (redisReaderGetReply(reader_.get(), &object) != REDIS_OK) {
    return BadReply(budget_->too_large ? "too_large" : "malformed");
  }
  if (object == nullptr) {
    // Whatever is unread belongs to a single reply.
    if (reader_->len - reader_->pos > budget_->max_bytes) return BadReply("too_large");
    return std::nullopt;
  }
  const std::unique_ptr<RedisReply> reply(static_cast<RedisReply*>(object));
  budget_->left = budget_->max_bytes;
  return std::move(*reply);
}

}  // namespace tokenbroker
