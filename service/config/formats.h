// What texts of the configuration stand for, checked one by one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tokenbroker/config/v1/options.pb.h"

namespace tokenbroker::config {

// What is wrong with `text` as a value of this format and what to write instead; nothing if it is
// right. Does not quote the text.
std::optional<std::string> CheckFormat(v1::Format format, std::string_view text);

}  // namespace tokenbroker::config
