#include "wiring/address_policy.h"

namespace tokenbroker::wiring {

AddressPolicy AddressPolicyOf(const google::protobuf::RepeatedPtrField<std::string>& blocks,
                              bool allow_loopback) {
  AddressPolicy policy;
  if (allow_loopback) policy.also_allowed.insert(AddressScope::kLoopback);
  for (const std::string& block : blocks) {
    if (const auto parsed = AddressBlock::Parse(block)) policy.allowed_blocks.push_back(*parsed);
  }
  return policy;
}

}  // namespace tokenbroker::wiring
