// Shell completion for tokenctl.
#pragma once

#include <string_view>

namespace tokenbroker::tokenctl {

// The script for `shell`, which is `bash` or `zsh`; empty for any other.
std::string_view CompletionScript(std::string_view shell);

}  // namespace tokenbroker::tokenctl
