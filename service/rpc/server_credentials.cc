#include "rpc/server_credentials.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asio/ip/address.hpp"
#include "base/error.h"

namespace tokenbroker::rpc {

bool IsLocalAddress(std::string_view address) {
  if (address.starts_with("unix:")) return true;
  const auto colon = address.rfind(':');
  if (colon == address.npos) return false;
  std::string_view host = address.substr(0, colon);
  if (host == "localhost") return true;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  asio::error_code error;
  const auto ip = asio::ip::make_address(std::string(host), error);
  return !error && ip.is_loopback();
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    std::string_view address, std::shared_ptr<ServerIdentity> identity) {
  if (identity) return ServerIdentity::MakeCredentials(std::move(identity));
  if (!IsLocalAddress(address)) {
    return ErrorWithMessage(
        Reason::kInvalidRequest,
        absl::StrCat("Without TLS the broker listens on a loopback address or a Unix socket only, "
                     "not on ",
                     std::string(address), ": tokens would cross the network in the clear."));
  }
  return grpc::InsecureServerCredentials();
}

}  // namespace tokenbroker::rpc
