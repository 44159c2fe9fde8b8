#include "rpc/token_broker_service.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "asio/this_coro.hpp"
#include "base/error.h"
#include "base/status_macros.h"
#include "rpc/admitted.h"
#include "rpc/messages.h"

namespace tokenbroker::rpc {
namespace {

constexpr std::string_view kGetAccessToken = "GetAccessToken";

// How long a stream may take to its first token; afterwards it may wait for ever.
constexpr absl::Duration kPatienceForFirst = absl::Seconds(60);

// For the log, before the grant is known to exist.
template <typename Request>
std::string_view ClientOf(const Request& request) {
  return request.has_subject_grant() ? request.subject_grant().client()
                                     : request.client_credentials().client();
}

}  // namespace

std::vector<std::unique_ptr<Method>> TokenBrokerService::MakeMethods(RunningCalls& running,
                                                                     std::size_t queues) {
  using Self = TokenBrokerService;
  std::vector<std::unique_ptr<Method>> methods;
  const auto admitted = [this](std::string_view rpc, auto work) {
    return Admitted(gate_, *this, rpc, work);
  };
  const auto add = [&](auto ask, auto respond, std::size_t asked = kAskedOfOrdinary) {
    methods.push_back(MakeUnary(generated_, ask, std::move(respond), running, queues, asked));
  };
  add(&Generated::RequestCreateAuthorizationUrl,
      admitted("CreateAuthorizationUrl", &Self::CreateAuthorizationUrl));
  add(&Generated::RequestSubmitCallback, admitted("SubmitCallback", &Self::SubmitCallback));
  add(
      &Generated::RequestGetAccessToken,
      [this](Call& call, const v1::GetAccessTokenRequest& request,
             v1::GetAccessTokenResponse& response) {
        return FindAccessToken(call, request, response);
      },
      kAskedOfHot);
  add(&Generated::RequestGetGrant, admitted("GetGrant", &Self::GetGrant));
  add(&Generated::RequestListGrants, admitted("ListGrants", &Self::ListGrants));
  add(&Generated::RequestRevokeGrant, admitted("RevokeGrant", &Self::RevokeGrant));
  add(&Generated::RequestGetUserInfo, admitted("GetUserInfo", &Self::GetUserInfo));
  add(&Generated::RequestExchangeToken, admitted("ExchangeToken", &Self::ExchangeToken));
  add(&Generated::RequestCreateLogoutUrl, admitted("CreateLogoutUrl", &Self::CreateLogoutUrl));
  add(&Generated::RequestSubmitLogoutToken,
      admitted("SubmitLogoutToken", &Self::SubmitLogoutToken));
  methods.push_back(MakeStreaming(
      generated_, &Generated::RequestWatchAccessToken,
      [this](Call& call, const v1::WatchAccessTokenRequest& request,
             Sender<v1::GetAccessTokenResponse>& sender) {
        return WatchAccessToken(Visit(gate_, call, "WatchAccessToken"), request, sender);
      },
      running));
  return methods;
}

Answer TokenBrokerService::FindAccessToken(Call& call, const v1::GetAccessTokenRequest& request,
                                           v1::GetAccessTokenResponse& response) {
  Visit visit(gate_, call, kGetAccessToken);
  visit.set_grant_id(request.grant_id());
  visit.set_client(ClientOf(request));
  // A signature takes longer than finding the token: it must not hold up what waits behind it.
  const bool is_quick = !request.has_dpop_proof_for();
  const auto asker = is_quick ? gate_.TryAdmit(visit) : std::nullopt;
  if (asker) {
    if (!asker->ok()) return visit.Finish(asker->status());
    const auto query = ToQuery(request);
    if (!query.ok()) return visit.Finish(query.status());
    if (const auto token = use_cases_.FindAccessToken(**asker.value(), *query)) {
      FillAccessToken(*token, response);
      visit.set_client(token->client);
      return visit.Finish(absl::OkStatus());
    }
  }
  return ServeAdmitted(gate_, *this, std::move(visit), &TokenBrokerService::GetAccessToken, request,
                       response);
}

StatusTask TokenBrokerService::GetAccessToken(Visit& visit, const broker::Asker& asker,
                                              const v1::GetAccessTokenRequest& request,
                                              v1::GetAccessTokenResponse& response) {
  CO_ASSIGN_OR_RETURN(broker::AccessTokenQuery query, ToQuery(request));
  std::optional<oauth::DpopTarget> target;
  if (request.has_dpop_proof_for()) {
    CO_ASSIGN_OR_RETURN(target, ToTarget(request.dpop_proof_for()));
  }
  broker::TokenSnapshot token;
  if (target) token = use_cases_.FindAccessToken(asker, query);
  if (token == nullptr) {
    auto got = co_await use_cases_.GetAccessToken(asker, std::move(query), visit.call().deadline);
    if (!got.ok()) co_return got.status();
    token = *std::move(got);
  }
  visit.set_grant_id(token->grant_id);
  visit.set_client(token->client);
  if (target) {
    CO_ASSIGN_OR_RETURN(const Secret proof, use_cases_.ProvePossession(*token, *target));
    response.set_dpop_proof(std::string(proof.Reveal()));
  }
  FillAccessToken(*token, response);
  co_return absl::OkStatus();
}

asio::awaitable<grpc::Status> TokenBrokerService::WatchAccessToken(
    Visit visit, const v1::WatchAccessTokenRequest& request,
    Sender<v1::GetAccessTokenResponse>& sender) {
  // A cancellation comes as a status, so that the log has how the stream ended.
  co_await asio::this_coro::throw_if_cancelled(false);
  const absl::Status status = co_await SendEachToken(visit, request, sender);
  co_return visit.Finish(status);
}

StatusTask TokenBrokerService::SendEachToken(Visit& visit,
                                             const v1::WatchAccessTokenRequest& request,
                                             Sender<v1::GetAccessTokenResponse>& sender) {
  visit.set_grant_id(request.grant_id());
  visit.set_client(ClientOf(request));
  CO_ASSIGN_OR_RETURN(const broker::Asker* const asker, co_await gate_.Admit(visit));
  CO_ASSIGN_OR_RETURN(broker::AccessTokenQuery query, ToQuery(request));
  const absl::Time deadline =
      std::min(visit.call().deadline, visit.call().started_at + kPatienceForFirst);
  CO_ASSIGN_OR_RETURN(const auto watch,
                      co_await use_cases_.WatchAccessToken(*asker, std::move(query), deadline));
  // What the caller proved itself with may run out, and its policy change: it gets no more then.
  const broker::TokenWatch::Admission admission = [this, &visit] { return gate_.Admit(visit); };
  while (true) {
    CO_ASSIGN_OR_RETURN(broker::TokenSnapshot token, co_await watch->Next(admission));
    visit.set_grant_id(token->grant_id);
    visit.set_client(token->client);
    v1::GetAccessTokenResponse response;
    FillAccessToken(*token, response);
    token = nullptr;  // a reader may take its time
    visit.TellReleased();
    if (!co_await sender.Send(response)) co_return Error(Reason::kCancelled);
  }
}

StatusTask TokenBrokerService::CreateAuthorizationUrl(
    Visit& visit, const broker::Asker& asker, const v1::CreateAuthorizationUrlRequest& request,
    v1::CreateAuthorizationUrlResponse& response) {
  CO_ASSIGN_OR_RETURN(broker::AuthorizationWish wish, ToWish(request));
  visit.set_client(wish.client);
  CO_ASSIGN_OR_RETURN(
      const broker::AuthorizationUrl url,
      co_await use_cases_.CreateAuthorizationUrl(asker, std::move(wish), visit.call().deadline));
  response.set_authorization_url(url.url);
  response.set_state(std::string(url.state.Reveal()));
  response.set_browser_binding(std::string(url.browser_binding.Reveal()));
  *response.mutable_expires_at() = ToTimestamp(url.expires_at);
  co_return absl::OkStatus();
}

StatusTask TokenBrokerService::SubmitCallback(Visit& visit, const broker::Asker& asker,
                                              const v1::SubmitCallbackRequest& request,
                                              v1::SubmitCallbackResponse& response) {
  CO_ASSIGN_OR_RETURN(broker::SubmittedCallback callback, ToCallback(request));
  CO_ASSIGN_OR_RETURN(
      const broker::CallbackAnswer answer,
      co_await use_cases_.SubmitCallback(asker, std::move(callback), visit.call().deadline));
  visit.set_grant_id(answer.grant.id);
  visit.set_client(answer.grant.client);
  FillGrant(answer.grant, *response.mutable_grant());
  if (!answer.id_token_claims.empty()) {
    CO_ASSIGN_OR_RETURN(const Json claims, ParseJsonObject(answer.id_token_claims.Reveal()));
    FillStruct(claims, *response.mutable_id_token_claims());
  }
  if (answer.front_channel_access_token) {
    response.set_front_channel_access_token(
        std::string(answer.front_channel_access_token->Reveal()));
  }
  response.set_caller_context(std::string(answer.caller_context.Reveal()));
  co_return absl::OkStatus();
}

StatusTask TokenBrokerService::GetGrant(Visit& visit, const broker::Asker& asker,
                                        const v1::GetGrantRequest& request,
                                        v1::GetGrantResponse& response) {
  visit.set_grant_id(request.grant_id());
  std::string grant_id = request.grant_id();
  CO_ASSIGN_OR_RETURN(const grants::Grant grant,
                      co_await use_cases_.GetGrant(asker, std::move(grant_id)));
  visit.set_client(grant.client);
  FillGrant(grant, *response.mutable_grant());
  co_return absl::OkStatus();
}

StatusTask TokenBrokerService::ListGrants(Visit& visit, const broker::Asker& asker,
                                          const v1::ListGrantsRequest& request,
                                          v1::ListGrantsResponse& response) {
  visit.set_client(request.client());
  CO_ASSIGN_OR_RETURN(Listing listing, ToListing(request));
  std::string page_token = request.page_token();
  CO_ASSIGN_OR_RETURN(const grants::GrantPage page,
                      co_await use_cases_.ListGrants(asker, std::move(listing.filter),
                                                     listing.page_size, std::move(page_token)));
  for (const grants::Grant& grant : page.grants) FillGrant(grant, *response.add_grants());
  response.set_next_page_token(page.next_page_token);
  co_return absl::OkStatus();
}

StatusTask TokenBrokerService::RevokeGrant(Visit& visit, const broker::Asker& asker,
                                           const v1::RevokeGrantRequest& request,
                                           v1::RevokeGrantResponse& response) {
  visit.set_grant_id(request.grant_id());
  std::string grant_id = request.grant_id();
  CO_ASSIGN_OR_RETURN(
      const broker::RevokedGrant revoked,
      co_await use_cases_.RevokeGrant(asker, std::move(grant_id), visit.call().deadline));
  visit.set_client(revoked.grant.client);
  response.set_revoked_at_provider(revoked.at_provider);
  co_return absl::OkStatus();
}

StatusTask TokenBrokerService::GetUserInfo(Visit& visit, const broker::Asker& asker,
                                           const v1::GetUserInfoRequest& request,
                                           v1::GetUserInfoResponse& response) {
  visit.set_grant_id(request.grant_id());
  std::string grant_id = request.grant_id();
  CO_ASSIGN_OR_RETURN(const Json claims, co_await use_cases_.GetUserInfo(asker, std::move(grant_id),
                                                                         visit.call().deadline));
  FillStruct(claims, *response.mutable_claims());
  co_return absl::OkStatus();
}

StatusTask TokenBrokerService::ExchangeToken(Visit& visit, const broker::Asker& asker,
                                             const v1::ExchangeTokenRequest& request,
                                             v1::ExchangeTokenResponse& response) {
  visit.set_client(request.client());
  broker::ExchangeWish wish = ToExchangeWish(request);
  CO_ASSIGN_OR_RETURN(
      const broker::ExchangedToken token,
      co_await use_cases_.ExchangeToken(asker, std::move(wish), visit.call().deadline));
  FillExchangedToken(token, response);
  co_return absl::OkStatus();
}

StatusTask TokenBrokerService::CreateLogoutUrl(Visit& visit, const broker::Asker& asker,
                                               const v1::CreateLogoutUrlRequest& request,
                                               v1::CreateLogoutUrlResponse& response) {
  visit.set_grant_id(request.grant_id());
  broker::LogoutWish wish{.grant_id = request.grant_id(),
                          .post_logout_redirect_uri = request.post_logout_redirect_uri(),
                          .state = request.state()};
  CO_ASSIGN_OR_RETURN(const Secret url, co_await use_cases_.CreateLogoutUrl(asker, std::move(wish),
                                                                            visit.call().deadline));
  response.set_logout_url(std::string(url.Reveal()));
  co_return absl::OkStatus();
}

StatusTask TokenBrokerService::SubmitLogoutToken(Visit& visit, const broker::Asker& asker,
                                                 const v1::SubmitLogoutTokenRequest& request,
                                                 v1::SubmitLogoutTokenResponse& response) {
  visit.set_client(request.client());
  broker::SubmittedLogoutToken submitted{.client = request.client(),
                                         .logout_token = Secret(request.logout_token())};
  CO_ASSIGN_OR_RETURN(const int ended, co_await use_cases_.SubmitLogoutToken(
                                           asker, std::move(submitted), visit.call().deadline));
  response.set_ended_grants(ended);
  co_return absl::OkStatus();
}

}  // namespace tokenbroker::rpc
