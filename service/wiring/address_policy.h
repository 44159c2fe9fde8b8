// Which addresses the configuration lets requests go out to.
#pragma once

#include <string>

#include "google/protobuf/repeated_ptr_field.h"
#include "net/address_policy.h"

namespace tokenbroker::wiring {

// Public addresses, the `blocks` (whose syntax was checked when the configuration was loaded), and
// this machine where `allow_loopback`.
AddressPolicy AddressPolicyOf(const google::protobuf::RepeatedPtrField<std::string>& blocks,
                              bool allow_loopback);

}  // namespace tokenbroker::wiring
