// tokenbroker.v1.TokenBroker: each RPC passes the gate, becomes a use case, and its outcome a
// message.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "broker/use_cases.h"
#include "rpc/gate.h"
#include "rpc/service.h"
#include "tokenbroker/v1/token_broker.grpc.pb.h"

namespace tokenbroker::rpc {

// Thread-safe. Borrows the use cases and the gate.
class TokenBrokerService final : public Service {
 public:
  TokenBrokerService(broker::UseCases& use_cases, Gate& gate)
      : use_cases_(use_cases), gate_(gate) {}

  std::string name() const override { return v1::TokenBroker::service_full_name(); }
  grpc::Service& grpc_service() override { return generated_; }
  std::vector<std::unique_ptr<Method>> MakeMethods(RunningCalls& running,
                                                   std::size_t queues) override;

 private:
  using Generated = v1::TokenBroker::WithAsyncMethod_CreateAuthorizationUrl<
      v1::TokenBroker::WithAsyncMethod_SubmitCallback<
          v1::TokenBroker::WithAsyncMethod_GetAccessToken<
              v1::TokenBroker::WithAsyncMethod_GetGrant<v1::TokenBroker::WithAsyncMethod_ListGrants<
                  v1::TokenBroker::WithAsyncMethod_RevokeGrant<
                      v1::TokenBroker::WithAsyncMethod_GetUserInfo<
                          v1::TokenBroker::WithAsyncMethod_ExchangeToken<
                              v1::TokenBroker::WithAsyncMethod_CreateLogoutUrl<
                                  v1::TokenBroker::WithAsyncMethod_SubmitLogoutToken<
                                      v1::TokenBroker::WithAsyncMethod_WatchAccessToken<
                                          v1::TokenBroker::Service>>>>>>>>>>>;

  // From the cache on the queue's thread where that can be.
  Answer FindAccessToken(Call& call, const v1::GetAccessTokenRequest& request,
                         v1::GetAccessTokenResponse& response);

  StatusTask CreateAuthorizationUrl(Visit& visit, const broker::Asker& asker,
                                    const v1::CreateAuthorizationUrlRequest& request,
                                    v1::CreateAuthorizationUrlResponse& response);
  StatusTask SubmitCallback(Visit& visit, const broker::Asker& asker,
                            const v1::SubmitCallbackRequest& request,
                            v1::SubmitCallbackResponse& response);
  StatusTask GetAccessToken(Visit& visit, const broker::Asker& asker,
                            const v1::GetAccessTokenRequest& request,
                            v1::GetAccessTokenResponse& response);
  StatusTask GetGrant(Visit& visit, const broker::Asker& asker, const v1::GetGrantRequest& request,
                      v1::GetGrantResponse& response);
  StatusTask ListGrants(Visit& visit, const broker::Asker& asker,
                        const v1::ListGrantsRequest& request, v1::ListGrantsResponse& response);
  StatusTask RevokeGrant(Visit& visit, const broker::Asker& asker,
                         const v1::RevokeGrantRequest& request, v1::RevokeGrantResponse& response);
  StatusTask GetUserInfo(Visit& visit, const broker::Asker& asker,
                         const v1::GetUserInfoRequest& request, v1::GetUserInfoResponse& response);
  StatusTask ExchangeToken(Visit& visit, const broker::Asker& asker,
                           const v1::ExchangeTokenRequest& request,
                           v1::ExchangeTokenResponse& response);
  StatusTask CreateLogoutUrl(Visit& visit, const broker::Asker& asker,
                             const v1::CreateLogoutUrlRequest& request,
                             v1::CreateLogoutUrlResponse& response);
  StatusTask SubmitLogoutToken(Visit& visit, const broker::Asker& asker,
                               const v1::SubmitLogoutTokenRequest& request,
                               v1::SubmitLogoutTokenResponse& response);

  // Streams until the watch, the caller or the server ends it.
  asio::awaitable<grpc::Status> WatchAccessToken(Visit visit,
                                                 const v1::WatchAccessTokenRequest& request,
                                                 Sender<v1::GetAccessTokenResponse>& sender);
  StatusTask SendEachToken(Visit& visit, const v1::WatchAccessTokenRequest& request,
                           Sender<v1::GetAccessTokenResponse>& sender);

  broker::UseCases& use_cases_;
  Gate& gate_;
  Generated generated_;
};

}  // namespace tokenbroker::rpc
