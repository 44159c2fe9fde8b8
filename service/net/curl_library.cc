#include "net/curl_library.h"

#include <curl/curl.h>
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/secret.h"

namespace tokenbroker {
namespace {

void WipeAndFree(void* block) {
  if (block != nullptr) WipeMemory(block, malloc_usable_size(block));
  std::free(block);
}

// realloc() would free the old block unwiped.
void* MoveAndWipe(void* block, std::size_t size) {
  if (block == nullptr) return std::malloc(size);
  const std::size_t old_size = malloc_usable_size(block);
  if (size <= old_size && size > old_size / 2) return block;
  void* moved = std::malloc(size);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, block, std::min(size, old_size));
  WipeAndFree(block);
  return moved;
}

absl::Status Initialize() {
  const CURLcode code = curl_global_init_mem(CURL_GLOBAL_DEFAULT, std::malloc, WipeAndFree,
                                             MoveAndWipe, strdup, std::calloc);
  if (code != CURLE_OK) return ErrorWithMessage(Reason::kInternal, "libcurl does not start.");
  const auto* version = curl_version_info(CURLVERSION_NOW);
  constexpr int kNeeded = CURL_VERSION_SSL | CURL_VERSION_ASYNCHDNS;
  if ((version->features & kNeeded) != kNeeded) {
    return ErrorWithMessage(
        Reason::kInternal,
        "libcurl was built without TLS or without asynchronous name resolution.");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status InitializeCurl() {
  static const absl::Status status = Initialize();
  return status;
}

}  // namespace tokenbroker
