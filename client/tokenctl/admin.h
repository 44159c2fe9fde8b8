// tokenctl admin: what operators do, through tokenbroker.admin.v1.
#pragma once

#include <string>
#include <vector>

#include "output.h"
#include "tokenbroker/admin/v1/admin.grpc.pb.h"

namespace tokenbroker::tokenctl {

struct AdminOptions {
  bool json = false;
  bool yes = false;  // do not ask
  std::string client;
  std::string subject;
  v1::GrantState state = v1::GRANT_STATE_UNSPECIFIED;
};

// Runs `words`: a command and its arguments.
ExitCode RunAdmin(admin::v1::Admin::Stub& broker, const AdminOptions& options,
                  const std::vector<std::string>& words);

// What may follow `tokenctl admin`, a line each.
extern const char kAdminUsage[];

}  // namespace tokenbroker::tokenctl
