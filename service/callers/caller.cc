#include "callers/caller.h"

namespace tokenbroker::callers {

bool Caller::MayCall(std::string_view rpc) const {
  const auto slash = rpc.find('/');
  const std::string wildcard =
      slash == rpc.npos ? "*" : std::string(rpc.substr(0, slash)).append("/*");
  return rpcs.contains(rpc) || rpcs.contains(wildcard);
}

}  // namespace tokenbroker::callers
