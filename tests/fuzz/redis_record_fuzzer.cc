// What a store hands back: sealed bytes, and the records inside them. The first byte picks which.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "grants/record.h"
#include "grants/seal.h"

namespace {

using tokenbroker::Secret;
namespace grants = tokenbroker::grants;

// Whatever can be read can be written, and reads back as the same.
template <typename Parse, typename Serialize>
void RoundTrip(std::string_view bytes, Parse parse, Serialize serialize) {
  const auto value = parse(bytes);
  if (!value.ok()) return;
  const Secret written = serialize(*value);
  const auto again = parse(written.Reveal());
  if (!again.ok() || !(serialize(*again) == written)) std::abort();
}

void OpenSealed(std::string_view bytes) {
  static const auto* const ring = [] {
    std::vector<grants::SealingKey> keys;
    keys.push_back({"k", Secret(std::string(grants::kSealingKeySize, 'k'))});
    return new grants::KeyRing(*grants::KeyRing::Create(std::move(keys)));
  }();
  const grants::SealedName name{"tb:grant:{7}:abc", 1};
  // Nobody without the key makes bytes that open, so what opens was sealed with it.
  const auto opened = ring->Open(bytes, name);
  if (opened.ok() && !ring->SealedWithFirst(bytes)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      RoundTrip(bytes, grants::ParseGrant, grants::SerializeGrant);
      break;
    case 1:
      RoundTrip(bytes, grants::ParseAuthorization, grants::SerializeAuthorization);
      break;
    case 2:
      RoundTrip(bytes, grants::ParseOutcome, grants::SerializeOutcome);
      break;
    default:
      OpenSealed(bytes);
  }
  return 0;
}
