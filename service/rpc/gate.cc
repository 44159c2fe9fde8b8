#include "rpc/gate.h"

#include <array>
#include <atomic>
#include <set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "grpc/grpc_security_constants.h"
#include "grpcpp/security/auth_context.h"
#include "rpc/status_details.h"

namespace tokenbroker::rpc {
namespace {

constexpr char kAuthorization[] = "authorization";
constexpr char kTraceparent[] = "traceparent";

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

// What the caller says that the RPC belongs to. Of two nobody knows which counts.
std::optional<TraceContext> ContextOf(const grpc::ServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find(kTraceparent);
  if (found == metadata.end() || metadata.count(kTraceparent) > 1) return std::nullopt;
  return ParseTraceparent({found->second.data(), found->second.size()});
}

std::vector<std::string> Names(const grpc::AuthContext& context, const char* property) {
  std::vector<std::string> names;
  for (const grpc::string_ref& value : context.FindPropertyValues(property)) {
    names.emplace_back(value.data(), value.size());
  }
  return names;
}

std::uint64_t NextId() {
  static std::atomic<std::uint64_t> next = 1;
  return next.fetch_add(1);
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

struct Gate::Policy {
  std::shared_ptr<callers::Authenticator> authenticator;
  absl::flat_hash_map<const callers::Caller*, std::unique_ptr<const broker::Asker>> askers;
};

Visit::Visit(Gate& gate, Call& call, std::string_view rpc) : gate_(&gate), call_(&call), rpc_(rpc) {
  auto context = ContextOf(call.context);
  if (!context) return;
  SpanSink* const sink = context->sampled ? gate.spans_ : nullptr;
  caller_span_ = context->span_id;
  // A span that nobody records must not be looked for: then the line tells of the caller's.
  if (sink != nullptr) context->span_id = NewSpanId();
  call.trace = std::make_shared<const Trace>(Trace{.context = *context, .sink = sink});
}

Visit::Visit(Visit&& other) noexcept
    : gate_(std::exchange(other.gate_, nullptr)),
      call_(other.call_),
      rpc_(other.rpc_),
      caller_span_(other.caller_span_),
      asker_(other.asker_),
      unverified_(std::exchange(other.unverified_, std::nullopt)),
      policy_(std::move(other.policy_)),
      client_(std::move(other.client_)),
      grant_id_(std::move(other.grant_id_)),
      outcome_(other.outcome_),
      is_ok_(other.is_ok_) {
  // From here on it is not sure that this thread still keeps the policy that the asker is of.
  if (gate_ != nullptr && asker_ != nullptr && policy_ == nullptr) policy_ = gate_->Kept();
}

Visit::~Visit() {
  if (gate_ == nullptr) return;
  const ReasonDescription& refusal = Describe(outcome_);
  gate_->metrics_.Record(rpc_, is_ok_ ? std::nullopt : std::optional<Reason>(outcome_),
                         gate_->clock_.Now() - call_->started_at);
  const std::string_view outcome = is_ok_ ? "OK" : refusal.name;
  const absl::StatusCode code = is_ok_ ? absl::StatusCode::kOk : refusal.code;
  WriteLine(outcome, code);
  RecordSpan(outcome, code);
}

void Visit::TellReleased() { WriteLine("OK", absl::StatusCode::kOk); }

void Visit::WriteLine(std::string_view outcome, absl::StatusCode code) const {
  const absl::Time now = gate_->clock_.Now();
  gate_->log_.Write({.rpc = rpc_,
                     .caller = asker_ != nullptr ? std::string_view(asker_->name) : "",
                     .client = client_,
                     .grant_id = grant_id_,
                     .outcome = outcome,
                     .code = CodeName(code),
                     .finished_at = now,
                     .duration = now - call_->started_at,
                     .trace = call_->trace.get()});
}

void Visit::RecordSpan(std::string_view outcome, absl::StatusCode code) const {
  if (call_->trace == nullptr || call_->trace->sink == nullptr) return;
  const std::string_view caller = asker_ != nullptr ? std::string_view(asker_->name) : "";
  const std::array<FinishedSpan::Attribute, 5> attributes = {{
      {"rpc.system", "grpc"},
      {"rpc.method", rpc_},
      {"rpc.grpc.status_code", static_cast<std::int64_t>(code)},
      {"tokenbroker.outcome", outcome},
      {"tokenbroker.caller", caller},
  }};
  const TraceContext& context = call_->trace->context;
  TraceContext parent = context;
  parent.span_id = caller_span_;
  call_->trace->sink->Record({.parent = parent,
                              .span_id = context.span_id,
                              .kind = SpanKind::kServer,
                              .name = rpc_,
                              .began = call_->started_at,
                              .ended = gate_->clock_.Now(),
                              .failed = !is_ok_,
                              .attributes = attributes});
}

grpc::Status Visit::Finish(const absl::Status& status) {
  is_ok_ = status.ok();
  outcome_ = ReasonOf(status).value_or(Reason::kInternal);
  return ToGrpcStatus(status);
}

Gate::Gate(std::shared_ptr<callers::Authenticator> authenticator, Certificates certificates,
           telemetry::RequestLog& log, telemetry::RpcMetrics& metrics, const Clock& clock,
           SpanSink* spans)
    : certificates_(certificates),
      log_(log),
      metrics_(metrics),
      clock_(clock),
      spans_(spans),
      id_(NextId()) {
  Replace(std::move(authenticator));
}

void Gate::Replace(std::shared_ptr<callers::Authenticator> authenticator) {
  auto policy = std::make_shared<Policy>();
  for (const callers::Caller& caller : authenticator->policy().callers()) {
    policy->askers.emplace(&caller, MakeAsker(caller));
  }
  policy->authenticator = std::move(authenticator);
  const MutexLock lock(mutex_);
  policy_ = std::move(policy);
  version_.fetch_add(1, std::memory_order_release);
}

// What one thread keeps.
struct KeptPolicy {
  std::uint64_t gate = 0;
  std::uint64_t version = 0;
  std::shared_ptr<const Gate::Policy> policy;

  static KeptPolicy& OfThisThread() {
    static thread_local KeptPolicy kept;
    return kept;
  }
};

const std::shared_ptr<const Gate::Policy>& Gate::Current() {
  KeptPolicy& kept = KeptPolicy::OfThisThread();
  if (kept.gate == id_ && kept.version == version_.load(std::memory_order_acquire)) {
    return kept.policy;
  }
  const MutexLock lock(mutex_);
  kept.policy = policy_;
  kept.version = version_.load(std::memory_order_relaxed);
  kept.gate = id_;
  return kept.policy;
}

std::shared_ptr<const Gate::Policy> Gate::Kept() const { return KeptPolicy::OfThisThread().policy; }

callers::Recognition Gate::Recognise(const Policy& policy, const Call& call) const {
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
  return policy.authenticator->Recognise(presented);
}

absl::StatusOr<const broker::Asker*> Gate::Allow(const Policy& policy, Visit& visit,
                                                 const callers::Caller& caller) {
  visit.asker_ = policy.askers.at(&caller).get();
  if (!caller.MayCall(visit.rpc())) {
    return Error(Reason::kCallerNotAllowed, {{"rpc", std::string(visit.rpc())}});
  }
  return visit.asker_;
}

std::optional<absl::StatusOr<const broker::Asker*>> Gate::TryAdmit(Visit& visit) {
  const Policy& policy = *Current();
  callers::Recognition recognition = Recognise(policy, visit.call());
  if (const auto* caller = std::get_if<const callers::Caller*>(&recognition)) {
    return Allow(policy, visit, **caller);
  }
  if (const auto* status = std::get_if<absl::Status>(&recognition)) return *status;
  visit.unverified_ = std::get<callers::UnverifiedToken>(std::move(recognition));
  return std::nullopt;
}

Task<const broker::Asker*> Gate::Admit(Visit& visit) {
  visit.outcome_ = Reason::kInternal;
  // A copy: the coroutine may go on on another thread.
  const std::shared_ptr<const Policy> policy = Current();
  visit.asker_ = nullptr;
  visit.policy_ = policy;
  auto token = std::exchange(visit.unverified_, std::nullopt);
  if (!token) {
    callers::Recognition recognition = Recognise(*policy, visit.call());
    if (const auto* status = std::get_if<absl::Status>(&recognition)) co_return *status;
    if (const auto* caller = std::get_if<const callers::Caller*>(&recognition)) {
      co_return Allow(*policy, visit, **caller);
    }
    token = std::get<callers::UnverifiedToken>(std::move(recognition));
  }
  CO_ASSIGN_OR_RETURN(
      const callers::Caller* const caller,
      co_await policy->authenticator->Verify(*std::move(token), visit.call().deadline));
  co_return Allow(*policy, visit, *caller);
}

}  // namespace tokenbroker::rpc
