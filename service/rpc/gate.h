// The gate that every RPC of ours passes: who is calling, may they, the line in the log, and the
// count.
//
//   const auto asker = co_await gate.Admit(visit);  // visit: Visit(gate, call, "GetGrant")
//   if (!asker.ok()) co_return visit.Finish(asker.status());
//   ...
//   co_return visit.Finish(absl::OkStatus());
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mutex.h"
#include "base/task.h"
#include "base/trace.h"
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
  // `rpc` is a constant, as in callers::Caller::rpcs. Borrows the gate and the call, which gets its
  // trace.
  Visit(Gate& gate, Call& call, std::string_view rpc);
  // What was moved from writes nothing.
  Visit(Visit&& other) noexcept;
  Visit& operator=(Visit&&) = delete;
  ~Visit();

  const Call& call() const { return *call_; }
  std::string_view rpc() const { return rpc_; }

  // What the line tells, as far as it is known.
  void set_client(std::string_view client) { client_ = client; }
  void set_grant_id(std::string_view grant_id) { grant_id_ = grant_id; }

  // Writes a line now, for one of several tokens that the RPC releases.
  void TellReleased();

  // How the RPC ends.
  grpc::Status Finish(const absl::Status& status);

 private:
  friend class Gate;

  void WriteLine(std::string_view outcome, absl::StatusCode code) const;
  // The span of the whole RPC.
  void RecordSpan(std::string_view outcome, absl::StatusCode code) const;

  Gate* gate_;
  const Call* call_;
  std::string_view rpc_;
  SpanId caller_span_ = {};  // that the RPC is part of
  const broker::Asker* asker_ = nullptr;
  // What TryAdmit could not verify and Admit is to: it belongs to the thread that will look for it
  // the next time, which is not the one that Admit runs on.
  std::optional<callers::UnverifiedToken> unverified_;
  // Keeps the asker, once the RPC waits.
  std::shared_ptr<const void> policy_;
  std::string client_;
  std::string grant_id_;
  // A coroutine that is refused for want of room is dropped before it begins; one that ends without
  // a word has thrown, and Admit has said INTERNAL for it.
  Reason outcome_ = Reason::kLimitReached;
  bool is_ok_ = false;
};

// Thread-safe.
class Gate {
 public:
  // Whether callers may show client certificates, which costs something to look for.
  enum class Certificates { kLookedAt, kNone };

  // Borrows all but the authenticator. `spans` may be null: then traces are logged, not recorded.
  Gate(std::shared_ptr<callers::Authenticator> authenticator, Certificates certificates,
       telemetry::RequestLog& log, telemetry::RpcMetrics& metrics, const Clock& clock,
       SpanSink* spans = nullptr);

  // Lets another policy decide from now on. RPCs that were admitted before go on as they began.
  void Replace(std::shared_ptr<callers::Authenticator> authenticator) ABSL_LOCKS_EXCLUDED(mutex_);

  // Decides without waiting where that can be; nothing means: await Admit. Errors: as Admit. The
  // asker lives until this thread is at the gate again, or as long as `visit` if it is moved.
  std::optional<absl::StatusOr<const broker::Asker*>> TryAdmit(Visit& visit);

  // Errors: CALLER_UNAUTHENTICATED, CALLER_NOT_ALLOWED; UNAVAILABLE where the keys that a token
  // must be checked with cannot be had. `visit` must outlive the task; the asker lives as long.
  Task<const broker::Asker*> Admit(Visit& visit);

 private:
  friend class Visit;
  friend struct KeptPolicy;

  // Who may do what, at one time.
  struct Policy;

  // The policy that decides now. A thread looks at what others have to share only when the policy
  // has been replaced, and keeps it until it looks the next time.
  const std::shared_ptr<const Policy>& Current() ABSL_LOCKS_EXCLUDED(mutex_);
  // The policy that this thread keeps.
  std::shared_ptr<const Policy> Kept() const;

  callers::Recognition Recognise(const Policy& policy, const Call& call) const;
  static absl::StatusOr<const broker::Asker*> Allow(const Policy& policy, Visit& visit,
                                                    const callers::Caller& caller);

  const Certificates certificates_;
  telemetry::RequestLog& log_;
  telemetry::RpcMetrics& metrics_;
  const Clock& clock_;
  SpanSink* const spans_;
  const std::uint64_t id_;  // tells what a thread keeps of this gate from what it keeps of another
  std::atomic<std::uint64_t> version_ = 0;
  Mutex mutex_;
  std::shared_ptr<const Policy> policy_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker::rpc
