#include "net/redis_slot.h"

#include <array>
#include <cstdint>

namespace tokenbroker {
namespace {

constexpr std::array<std::uint16_t, 256> MakeTable() {
  std::array<std::uint16_t, 256> table = {};
  for (unsigned byte = 0; byte < 256; ++byte) {
    unsigned crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc << 1) ^ ((crc & 0x8000) != 0 ? 0x1021 : 0);
    table[byte] = static_cast<std::uint16_t>(crc);
  }
  return table;
}

constexpr std::array<std::uint16_t, 256> kTable = MakeTable();

}  // namespace

std::string_view RedisHashTagOf(std::string_view key) {
  const auto open = key.find('{');
  if (open == std::string_view::npos) return key;
  const auto close = key.find('}', open + 1);
  if (close == std::string_view::npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

int RedisSlotOf(std::string_view key) {
  unsigned crc = 0;
  for (const char c : RedisHashTagOf(key)) {
    const unsigned index = ((crc >> 8) ^ static_cast<unsigned char>(c)) & 0xff;
    crc = ((crc << 8) ^ kTable[index]) & 0xffff;
  }
  return static_cast<int>(crc % kRedisSlots);
}

}  // namespace tokenbroker
