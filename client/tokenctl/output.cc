#include "output.h"

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "google/protobuf/util/json_util.h"
#include "tokenbroker/error.h"

namespace tokenbroker::tokenctl {
namespace {

ExitCode ExitCodeOf(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::NOT_FOUND:
      return kNotFound;
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::PERMISSION_DENIED:
      return kDenied;
    case grpc::StatusCode::FAILED_PRECONDITION:
      return kSignInAgain;
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return kTryAgainLater;
    default:
      return kFailed;
  }
}

std::string StateOf(const v1::Grant& grant) {
  switch (grant.state()) {
    case v1::GRANT_STATE_ACTIVE:
      return "active";
    case v1::GRANT_STATE_REAUTHORIZATION_REQUIRED:
      return "sign in again";
    case v1::GRANT_STATE_REVOKED:
      return "revoked";
    default:
      return "unknown";
  }
}

void PrintFact(const char* name, const std::string& value) {
  std::printf("%-24s %s\n", name, value.c_str());
}

}  // namespace

ExitCode Complain(const grpc::Status& status) {
  const client::ErrorDetails details = client::ReadErrorDetails(status);
  std::fprintf(stderr, "tokenctl: %s\n", status.error_message().c_str());
  if (!details.reason.empty()) std::fprintf(stderr, "  reason: %s\n", details.reason.c_str());
  for (const auto& [key, value] : details.metadata) {
    std::fprintf(stderr, "  %s: %s\n", key.c_str(), value.c_str());
  }
  if (details.retry_after) {
    std::fprintf(stderr, "  try again in %s\n",
                 absl::FormatDuration(absl::FromChrono(*details.retry_after)).c_str());
  }
  return ExitCodeOf(status.error_code());
}

bool Confirm(const std::string& question) {
  std::fprintf(stderr, "%s [y/N] ", question.c_str());
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y";
}

void PrintJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  if (google::protobuf::util::MessageToJsonString(message, &json, options).ok()) {
    std::printf("%s\n", json.c_str());
  }
}

std::string FormatTime(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0) return "-";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(time.seconds()),
                          absl::UTCTimeZone());
}

void PrintGrant(const v1::Grant& grant) {
  PrintFact("grant", grant.grant_id());
  PrintFact("state", StateOf(grant));
  PrintFact("client", grant.client());
  PrintFact("issuer", grant.issuer());
  PrintFact("subject", grant.subject());
  PrintFact("scopes", absl::StrJoin(grant.scopes(), " "));
  if (!grant.audience().empty()) PrintFact("audience", grant.audience());
  PrintFact("created", FormatTime(grant.created_at()));
  PrintFact("access token expires", FormatTime(grant.access_token_expires_at()));
  PrintFact("refreshable", grant.refreshable() ? "yes" : "no");
  PrintFact("last refreshed", FormatTime(grant.last_refreshed_at()));
  PrintFact("next refresh", FormatTime(grant.next_refresh_at()));
  PrintFact("generation", absl::StrCat(grant.generation()));
}

void PrintGrantTable(const std::vector<v1::Grant>& grants,
                     const std::vector<std::string>& callers) {
  std::size_t subject = 7;
  std::size_t client = 6;
  std::size_t caller = callers.empty() ? 0 : 6;
  for (const v1::Grant& grant : grants) {
    subject = std::max(subject, grant.subject().size());
    client = std::max(client, grant.client().size());
  }
  for (const std::string& name : callers) caller = std::max(caller, name.size());
  const auto row = [&](const std::string& id, const std::string& state, const std::string& of,
                       const std::string& by, const std::string& who, const std::string& when) {
    std::printf("%-34s %-14s ", id.c_str(), state.c_str());
    if (caller > 0) std::printf("%-*s ", static_cast<int>(caller), of.c_str());
    std::printf("%-*s %-*s %s\n", static_cast<int>(client), by.c_str(), static_cast<int>(subject),
                who.c_str(), when.c_str());
  };
  row("GRANT", "STATE", "CALLER", "CLIENT", "SUBJECT", "CREATED");
  for (std::size_t i = 0; i < grants.size(); ++i) {
    const v1::Grant& grant = grants[i];
    row(grant.grant_id(), StateOf(grant), caller > 0 ? callers[i] : "", grant.client(),
        grant.subject(), FormatTime(grant.created_at()));
  }
}

}  // namespace tokenbroker::tokenctl
