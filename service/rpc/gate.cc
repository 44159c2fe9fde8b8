#include "rpc/gate.h"

#include <set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/status_macros.h"
#include "grpc/grpc_security_constants.h"
#include "grpcpp/security/auth_context.h"
#include "rpc/status_details.h"

namespace tokenbroker::rpc {
namespace {

constexpr char kAuthorization[] = "authorization";

// The names of google.rpc.Code, which absl::StatusCodeToString gives in a string of its own.
std::string_view CodeName(absl::StatusCode code) {
  static const auto* const names = [] {
    auto* all = new std::vector<std::string>();
    for (int i = 0; i <= static_cast<int>(absl::StatusCode::kUnauthenticated); ++i) {
      all->push_back(absl::StatusCodeToString(static_cast<absl::StatusCode>(i)));
    }
    return all;
  }();
  const auto index = static_cast<std::size_t>(code);
  return index < names->size() ? std::string_view((*names)[index]) : "UNKNOWN";
}

std::vector<std::string> Names(const grpc::AuthContext& context, const char* property) {
  std::vector<std::string> names;
  for (const grpc::string_ref& value : context.FindPropertyValues(property)) {
    names.emplace_back(value.data(), value.size());
  }
  return names;
}

std::unique_ptr<const broker::Asker> MakeAsker(const callers::Caller& caller) {
  auto asker = std::make_unique<broker::Asker>();
  asker->name = caller.name;
  asker->clients = caller.clients;
  if (caller.scopes) {
    asker->scopes.emplace();
    for (const std::string& scope : *caller.scopes) asker->scopes->Add(scope);
  }
  asker->audiences = caller.audiences;
  asker->sees_grants_of_others = caller.grants == callers::GrantVisibility::kAll;
  return asker;
}

}  // namespace

Visit::Visit(Visit&& other) noexcept
    : gate_(std::exchange(other.gate_, nullptr)),
      call_(other.call_),
      rpc_(other.rpc_),
      asker_(other.asker_),
      client_(std::move(other.client_)),
      grant_id_(std::move(other.grant_id_)),
      outcome_(other.outcome_),
      is_ok_(other.is_ok_) {}

Visit::~Visit() {
  if (gate_ == nullptr) return;
  const absl::Time now = gate_->clock_.Now();
  const ReasonDescription& refusal = Describe(outcome_);
  gate_->metrics_.Record(rpc_, is_ok_ ? std::nullopt : std::optional<Reason>(outcome_),
                         now - call_->started_at);
  gate_->log_.Write({.rpc = rpc_,
                     .caller = asker_ != nullptr ? std::string_view(asker_->name) : "",
                     .client = client_,
                     .grant_id = grant_id_,
                     .outcome = is_ok_ ? "OK" : refusal.name,
                     .code = CodeName(is_ok_ ? absl::StatusCode::kOk : refusal.code),
                     .finished_at = now,
                     .duration = now - call_->started_at});
}

grpc::Status Visit::Finish(const absl::Status& status) {
  is_ok_ = status.ok();
  outcome_ = ReasonOf(status).value_or(Reason::kInternal);
  return ToGrpcStatus(status);
}

Gate::Gate(callers::Authenticator& authenticator, Certificates certificates,
           telemetry::RequestLog& log, telemetry::RpcMetrics& metrics, const Clock& clock)
    : authenticator_(authenticator),
      certificates_(certificates),
      log_(log),
      metrics_(metrics),
      clock_(clock) {
  for (const callers::Caller& caller : authenticator_.policy().callers()) {
    askers_.emplace(&caller, MakeAsker(caller));
  }
}

callers::Recognition Gate::Recognise(const Call& call) const {
  callers::Presented presented;
  const auto& metadata = call.context.client_metadata();
  if (const auto found = metadata.find(kAuthorization); found != metadata.end()) {
    // Which of two would count is anybody's guess.
    if (metadata.count(kAuthorization) > 1) {
      return Error(Reason::kCallerUnauthenticated, {{"check", "AUTHORIZATION_TWICE"}});
    }
    presented.authorization = std::string_view(found->second.data(), found->second.size());
  }
  if (certificates_ == Certificates::kLookedAt) {
    const auto context = call.context.auth_context();
    if (context->IsPeerAuthenticated()) {
      presented.uri_names = Names(*context, GRPC_PEER_URI_PROPERTY_NAME);
      presented.dns_names = Names(*context, GRPC_PEER_DNS_PROPERTY_NAME);
    }
  }
  return authenticator_.Recognise(presented);
}

absl::StatusOr<const broker::Asker*> Gate::Allow(Visit& visit,
                                                 const callers::Caller& caller) const {
  visit.asker_ = askers_.at(&caller).get();
  if (!caller.MayCall(visit.rpc())) {
    return Error(Reason::kCallerNotAllowed, {{"rpc", std::string(visit.rpc())}});
  }
  return visit.asker_;
}

std::optional<absl::StatusOr<const broker::Asker*>> Gate::TryAdmit(Visit& visit) const {
  const callers::Recognition recognition = Recognise(visit.call());
  if (const auto* caller = std::get_if<const callers::Caller*>(&recognition)) {
    return Allow(visit, **caller);
  }
  if (const auto* status = std::get_if<absl::Status>(&recognition)) return *status;
  return std::nullopt;
}

Task<const broker::Asker*> Gate::Admit(Visit& visit) const {
  visit.outcome_ = Reason::kInternal;
  callers::Recognition recognition = Recognise(visit.call());
  if (const auto* status = std::get_if<absl::Status>(&recognition)) co_return *status;
  if (const auto* caller = std::get_if<const callers::Caller*>(&recognition)) {
    co_return Allow(visit, **caller);
  }
  auto token = std::get<callers::UnverifiedToken>(std::move(recognition));
  CO_ASSIGN_OR_RETURN(const callers::Caller* const caller,
                      co_await authenticator_.Verify(std::move(token), visit.call().deadline));
  co_return Allow(visit, *caller);
}

}  // namespace tokenbroker::rpc
