// tokenbroker.admin.v1.Admin: each RPC passes the gate, which wants its name in the caller's
// policy.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "base/task.h"
#include "broker/administration.h"
#include "rpc/gate.h"
#include "rpc/service.h"
#include "tokenbroker/admin/v1/admin.grpc.pb.h"

namespace tokenbroker::rpc {

// What the service shows of this process besides grants. Each is called on a thread of the runtime,
// and fills in what it knows.
struct AdminSources {
  std::function<void(admin::v1::DescribeProvidersResponse&)> describe_providers;
  std::function<StatusTask(admin::v1::DescribeSchedulerResponse&)> describe_scheduler;
  // Errors: INVALID_REQUEST, with a message for people.
  std::function<absl::Status(admin::v1::ReloadConfigResponse&)> reload_config;
};

// Thread-safe. Borrows the gate and what it administers.
class AdminService final : public Service {
 public:
  AdminService(broker::Administration& administration, AdminSources sources, Gate& gate)
      : administration_(administration), sources_(std::move(sources)), gate_(gate) {}

  std::string name() const override { return admin::v1::Admin::service_full_name(); }
  grpc::Service& grpc_service() override { return generated_; }
  std::vector<std::unique_ptr<Method>> MakeMethods(RunningCalls& running,
                                                   std::size_t queues) override;

 private:
  using Generated = admin::v1::Admin::AsyncService;

  StatusTask DescribeProviders(Visit& visit, const broker::Asker& asker,
                               const admin::v1::DescribeProvidersRequest& request,
                               admin::v1::DescribeProvidersResponse& response);
  StatusTask DescribeScheduler(Visit& visit, const broker::Asker& asker,
                               const admin::v1::DescribeSchedulerRequest& request,
                               admin::v1::DescribeSchedulerResponse& response);
  StatusTask ListGrants(Visit& visit, const broker::Asker& asker,
                        const admin::v1::ListGrantsRequest& request,
                        admin::v1::ListGrantsResponse& response);
  StatusTask RefreshGrant(Visit& visit, const broker::Asker& asker,
                          const admin::v1::RefreshGrantRequest& request,
                          admin::v1::RefreshGrantResponse& response);
  StatusTask RevokeGrants(Visit& visit, const broker::Asker& asker,
                          const admin::v1::RevokeGrantsRequest& request,
                          admin::v1::RevokeGrantsResponse& response);
  StatusTask RewrapGrants(Visit& visit, const broker::Asker& asker,
                          const admin::v1::RewrapGrantsRequest& request,
                          admin::v1::RewrapGrantsResponse& response);
  StatusTask ReloadConfig(Visit& visit, const broker::Asker& asker,
                          const admin::v1::ReloadConfigRequest& request,
                          admin::v1::ReloadConfigResponse& response);

  broker::Administration& administration_;
  const AdminSources sources_;
  Gate& gate_;
  Generated generated_;
};

}  // namespace tokenbroker::rpc
