#include "rpc/admin_service.h"

#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "rpc/admitted.h"
#include "rpc/messages.h"

namespace tokenbroker::rpc {
namespace {

using namespace admin::v1;  // NOLINT: the messages of the one service here

absl::StatusOr<std::size_t> PageSizeOf(std::int32_t page_size) {
  if (page_size < 0) return FieldError("page_size", "must not be negative");
  return static_cast<std::size_t>(page_size);
}

}  // namespace

std::vector<std::unique_ptr<Method>> AdminService::MakeMethods(RunningCalls& running,
                                                               std::size_t queues) {
  using Self = AdminService;
  std::vector<std::unique_ptr<Method>> methods;
  const auto admitted = [this](std::string_view rpc, auto work) {
    return Admitted(gate_, *this, rpc, work);
  };
  const auto add = [&](auto ask, auto respond) {
    methods.push_back(MakeUnary(generated_, ask, std::move(respond), running, queues));
  };
  add(&Generated::RequestDescribeProviders,
      admitted("Admin/DescribeProviders", &Self::DescribeProviders));
  add(&Generated::RequestDescribeScheduler,
      admitted("Admin/DescribeScheduler", &Self::DescribeScheduler));
  add(&Generated::RequestListGrants, admitted("Admin/ListGrants", &Self::ListGrants));
  add(&Generated::RequestRefreshGrant, admitted("Admin/RefreshGrant", &Self::RefreshGrant));
  add(&Generated::RequestRevokeGrants, admitted("Admin/RevokeGrants", &Self::RevokeGrants));
  add(&Generated::RequestRewrapGrants, admitted("Admin/RewrapGrants", &Self::RewrapGrants));
  add(&Generated::RequestReloadConfig, admitted("Admin/ReloadConfig", &Self::ReloadConfig));
  return methods;
}

StatusTask AdminService::DescribeProviders(Visit&, const broker::Asker&,
                                           const DescribeProvidersRequest&,
                                           DescribeProvidersResponse& response) {
  sources_.describe_providers(response);
  co_return absl::OkStatus();
}

StatusTask AdminService::DescribeScheduler(Visit&, const broker::Asker&,
                                           const DescribeSchedulerRequest&,
                                           DescribeSchedulerResponse& response) {
  return sources_.describe_scheduler(response);
}

StatusTask AdminService::ListGrants(Visit& visit, const broker::Asker& asker,
                                    const ListGrantsRequest& request,
                                    ListGrantsResponse& response) {
  visit.set_client(request.client());
  CO_ASSIGN_OR_RETURN(const std::size_t page_size, PageSizeOf(request.page_size()));
  grants::GrantFilter filter;
  if (!request.client().empty()) filter.client = request.client();
  if (!request.subject().empty()) filter.subject = request.subject();
  CO_ASSIGN_OR_RETURN(filter.state, ToState(request.state()));
  std::string page_token = request.page_token();
  CO_ASSIGN_OR_RETURN(const grants::GrantPage page,
                      co_await administration_.ListGrants(asker, std::move(filter), page_size,
                                                          std::move(page_token)));
  for (const grants::Grant& grant : page.grants) {
    OwnedGrant& owned = *response.add_grants();
    owned.set_caller(grant.caller);
    FillGrant(grant, *owned.mutable_grant());
  }
  response.set_next_page_token(page.next_page_token);
  co_return absl::OkStatus();
}

StatusTask AdminService::RefreshGrant(Visit& visit, const broker::Asker& asker,
                                      const RefreshGrantRequest& request,
                                      RefreshGrantResponse& response) {
  visit.set_grant_id(request.grant_id());
  std::string grant_id = request.grant_id();
  CO_ASSIGN_OR_RETURN(
      const grants::Grant grant,
      co_await administration_.RefreshGrant(asker, std::move(grant_id), visit.call().deadline));
  visit.set_client(grant.client);
  FillGrant(grant, *response.mutable_grant());
  co_return absl::OkStatus();
}

StatusTask AdminService::RevokeGrants(Visit& visit, const broker::Asker& asker,
                                      const RevokeGrantsRequest& request,
                                      RevokeGrantsResponse& response) {
  visit.set_client(request.client());
  CO_ASSIGN_OR_RETURN(const std::size_t page_size, PageSizeOf(request.page_size()));
  broker::RevocationWish wish{
      .client = request.client(), .page_size = page_size, .page_token = request.page_token()};
  if (!request.subject().empty()) wish.subject = request.subject();
  CO_ASSIGN_OR_RETURN(
      const broker::RevocationPage page,
      co_await administration_.RevokeGrants(asker, std::move(wish), visit.call().deadline));
  response.set_revoked_grants(page.revoked);
  response.set_next_page_token(page.next_page_token);
  co_return absl::OkStatus();
}

StatusTask AdminService::RewrapGrants(Visit&, const broker::Asker&,
                                      const RewrapGrantsRequest& request,
                                      RewrapGrantsResponse& response) {
  CO_ASSIGN_OR_RETURN(const std::size_t page_size, PageSizeOf(request.page_size()));
  std::string page_token = request.page_token();
  CO_ASSIGN_OR_RETURN(const grants::RewrapPage page,
                      co_await administration_.RewrapGrants(page_size, std::move(page_token)));
  response.set_rewrapped_grants(static_cast<std::int32_t>(page.rewrapped));
  response.set_current_grants(static_cast<std::int32_t>(page.current));
  response.set_unreadable_grants(static_cast<std::int32_t>(page.unreadable));
  response.set_next_page_token(page.next_page_token);
  co_return absl::OkStatus();
}

StatusTask AdminService::ReloadConfig(Visit&, const broker::Asker&, const ReloadConfigRequest&,
                                      ReloadConfigResponse& response) {
  co_return sources_.reload_config(response);
}

}  // namespace tokenbroker::rpc
