// Response types as the configuration writes them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tokenbroker::config {

// "code", "code id_token", "code token" or "code id_token token" for these words in any order;
// nothing for all else.
std::optional<std::string> CanonicalResponseType(std::string_view text);

}  // namespace tokenbroker::config
