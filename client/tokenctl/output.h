// What tokenctl prints: text for people, JSON for scripts, exit codes for both.
#pragma once

#include <string>
#include <vector>

#include "google/protobuf/message.h"
#include "grpcpp/support/status.h"
#include "tokenbroker/v1/token_broker.pb.h"

namespace tokenbroker::tokenctl {

// Exit codes; part of the command's contract.
enum ExitCode {
  kOk = 0,
  kFailed = 1,
  kUsage = 2,
  kNotFound = 3,
  kDenied = 4,         // UNAUTHENTICATED, PERMISSION_DENIED
  kSignInAgain = 5,    // FAILED_PRECONDITION
  kTryAgainLater = 6,  // UNAVAILABLE, RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED
};

// Prints what went wrong, and what to do where the broker says, to standard error.
ExitCode Complain(const grpc::Status& status);

// Asks a person at the terminal; only a plain yes is one.
bool Confirm(const std::string& question);

// One line of JSON with the contract's field names.
void PrintJson(const google::protobuf::Message& message);

void PrintGrant(const v1::Grant& grant);
// With `callers` a column that says whose each grant is.
void PrintGrantTable(const std::vector<v1::Grant>& grants,
                     const std::vector<std::string>& callers = {});

// RFC 3339 in UTC; `-` where it is not set.
std::string FormatTime(const google::protobuf::Timestamp& time);

}  // namespace tokenbroker::tokenctl
