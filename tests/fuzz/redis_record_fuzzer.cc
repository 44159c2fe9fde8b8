// What a store, a spool or a caller with a page token hands back: sealed bytes, and the records
// inside them. The first byte picks which.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "grants/grant_filter.h"
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

const grants::KeyRing& Ring() {
  static const auto* const ring = [] {
    std::vector<grants::SealingKey> keys;
    keys.push_back({"k", Secret(std::string(grants::kSealingKeySize, 'k'))});
    return new grants::KeyRing(*grants::KeyRing::Create(std::move(keys)));
  }();
  return *ring;
}

void OpenSealed(std::string_view bytes) {
  const grants::SealedName name{"tb:grant:{7}:abc", 1};
  // Nobody without the key makes bytes that open, so what opens was sealed with it.
  const auto opened = Ring().Open(bytes, name);
  if (opened.ok() && !Ring().SealedWithFirst(bytes)) std::abort();

  // What we sealed opens as what it was, under its own name and generation alone.
  const std::string sealed = Ring().Seal(Secret(bytes), name);
  const auto again = Ring().Open(sealed, name);
  if (!again.ok() || again->Reveal() != bytes) std::abort();
  if (Ring().Open(sealed, {name.name, 2}).ok()) std::abort();
  if (Ring().Open(sealed, {std::string(bytes), 1}).ok() && bytes != name.name) std::abort();
}

// A page token is text that came from a caller; what it holds was said by us, of the same filter.
void OpenPageToken(std::string_view text) {
  const grants::GrantFilter filter{.caller = "billing"};
  const auto cursor = grants::OpenPageToken(Ring(), filter, text);
  if (!cursor.ok() &&
      !tokenbroker::HasReason(cursor.status(), tokenbroker::Reason::kPageTokenInvalid)) {
    std::abort();
  }
  const std::string token = grants::SealPageToken(Ring(), filter, text);
  const auto again = grants::OpenPageToken(Ring(), filter, token);
  if (!again.ok() || *again != text) std::abort();
  if (grants::OpenPageToken(Ring(), {.caller = std::string(text)}, token).ok() &&
      text != "billing") {
    std::abort();
  }
}

Secret WriteAnswer(const grants::SpooledAnswer& answer) {
  return grants::SerializeAnswer(answer.commit, answer.sign_in ? &*answer.sign_in : nullptr);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 7) {
    case 0:
      RoundTrip(bytes, grants::ParseGrant, grants::SerializeGrant);
      break;
    case 1:
      RoundTrip(bytes, grants::ParseAuthorization, grants::SerializeAuthorization);
      break;
    case 2:
      RoundTrip(bytes, grants::ParseOutcome, grants::SerializeOutcome);
      break;
    case 3:
      OpenSealed(bytes);
      break;
    case 4:
      RoundTrip(bytes, grants::ParseAnswer, WriteAnswer);
      break;
    case 5:
      RoundTrip(bytes, grants::ParseRevocation, grants::SerializeRevocation);
      break;
    default:
      OpenPageToken(bytes);
  }
  return 0;
}
