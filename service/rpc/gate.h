// The gate that every RPC of ours passes: who is calling, may they, the line in the log, and the
// count.
//
//   const auto asker = co_await gate.Admit(visit);  // visit: Visit(gate, call, "GetGrant")
//   if (!asker.ok()) co_return visit.Finish(asker.status());
//   ...
//   co_return visit.Finish(absl::OkStatus());
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"
#include "broker/use_cases.h"
#include "callers/authenticator.h"
#include "grpcpp/support/status.h"
#include "rpc/call.h"
#include "telemetry/request_log.h"
#include "telemetry/rpc_metrics.h"

namespace tokenbroker::rpc {

class Gate;

// One RPC on its way, and its line in the log, which is written when this object goes: whatever way
// the RPC ends, there is one. Thread-compatible.
class Visit {
 public:
  // `rpc` is a constant, as in callers::Caller::rpcs. Borrows the gate and the call.
  Visit(Gate& gate, const Call& call, std::string_view rpc)
      : gate_(&gate), call_(&call), rpc_(rpc) {}
  // What was moved from writes nothing.
  Visit(Visit&& other) noexcept;
  Visit& operator=(Visit&&) = delete;
  ~Visit();

  const Call& call() const { return *call_; }
  std::string_view rpc() const { return rpc_; }

  // What the line tells, as far as it is known.
  void set_client(std::string_view client) { client_ = client; }
  void set_grant_id(std::string_view grant_id) { grant_id_ = grant_id; }

  // How the RPC ends.
  grpc::Status Finish(const absl::Status& status);

 private:
  friend class Gate;

  Gate* gate_;
  const Call* call_;
  std::string_view rpc_;
  const broker::Asker* asker_ = nullptr;
  std::string client_;
  std::string grant_id_;
  // A coroutine that is refused for want of room is dropped before it begins; one that ends without
  // a word has thrown, and Admit has said INTERNAL for it.
  Reason outcome_ = Reason::kLimitReached;
  bool is_ok_ = false;
};

// Thread-safe. Askers that it returns live as long as it does.
class Gate {
 public:
  // Whether callers may show client certificates, which costs something to look for.
  enum class Certificates { kLookedAt, kNone };

  // Borrows everything.
  Gate(callers::Authenticator& authenticator, Certificates certificates, telemetry::RequestLog& log,
       telemetry::RpcMetrics& metrics, const Clock& clock);

  // Decides without waiting where that can be; nothing means: await Admit. Errors: as Admit.
  std::optional<absl::StatusOr<const broker::Asker*>> TryAdmit(Visit& visit) const;

  // Errors: CALLER_UNAUTHENTICATED, CALLER_NOT_ALLOWED; UNAVAILABLE where the keys that a token
  // must be checked with cannot be had. `visit` must outlive the task.
  Task<const broker::Asker*> Admit(Visit& visit) const;

 private:
  friend class Visit;

  callers::Recognition Recognise(const Call& call) const;
  absl::StatusOr<const broker::Asker*> Allow(Visit& visit, const callers::Caller& caller) const;

  callers::Authenticator& authenticator_;
  const Certificates certificates_;
  telemetry::RequestLog& log_;
  telemetry::RpcMetrics& metrics_;
  const Clock& clock_;
  absl::flat_hash_map<const callers::Caller*, std::unique_ptr<const broker::Asker>> askers_;
};

}  // namespace tokenbroker::rpc
