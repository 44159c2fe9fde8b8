#include "net/tls.h"

#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "asio/ip/address.hpp"

namespace tokenbroker {

bool RequirePeerName(X509_VERIFY_PARAM* parameters, std::string_view host) {
  // A NUL would end the name early for OpenSSL; an empty name would check nothing.
  if (host.empty() || host.find('\0') != std::string_view::npos) return false;
  const std::string name(host);
  asio::error_code not_an_address;
  asio::ip::make_address(name, not_an_address);
  if (!not_an_address) return X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str()) == 1;
  X509_VERIFY_PARAM_set_hostflags(
      parameters, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return X509_VERIFY_PARAM_set1_host(parameters, name.data(), name.size()) == 1;
}

}  // namespace tokenbroker
