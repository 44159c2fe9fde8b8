#include "admin.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/client_context.h"

namespace tokenbroker::tokenctl {

const char kAdminUsage[] =
    "  tokenctl admin providers          what the broker knows of its providers\n"
    "  tokenctl admin scheduler          how it keeps up with refreshing\n"
    "  tokenctl admin grants             list the grants of all callers\n"
    "  tokenctl admin refresh GRANT      refresh one now\n"
    "  tokenctl admin revoke --client=NAME [--subject=SUB]   end all grants of a client or a user\n"
    "  tokenctl admin rewrap             seal every record with the newest key\n"
    "  tokenctl admin reload             read the configuration again\n";

namespace {

using admin::v1::Admin;
using Words = std::vector<std::string>;

// Few enough that a page at a slow provider is done within a call's deadline.
constexpr int kRevokedPerCall = 20;
constexpr int kRewrappedPerCall = 500;

// Makes one call; its deadline is enough for a page at a slow provider.
template <typename Request, typename Response>
grpc::Status Call(Admin::Stub& broker,
                  grpc::Status (Admin::Stub::*rpc)(grpc::ClientContext*, const Request&, Response*),
                  const Request& request, Response& response) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  return (broker.*rpc)(&context, request, &response);
}

// Calls with the page token of each answer until there is none, and shows each answer to `take`.
template <typename Request, typename Response, typename Take>
grpc::Status CallForAllPages(Admin::Stub& broker,
                             grpc::Status (Admin::Stub::*rpc)(grpc::ClientContext*, const Request&,
                                                              Response*),
                             Request request, Take take) {
  do {
    Response page;
    const grpc::Status status = Call(broker, rpc, request, page);
    if (!status.ok()) return status;
    take(page);
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return grpc::Status::OK;
}

ExitCode WrongUsage(const std::string& what) {
  std::fprintf(stderr, "tokenctl: %s\n\n%s", what.c_str(), kAdminUsage);
  return kUsage;
}

std::string Age(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0) return "-";
  const absl::Duration age = absl::Now() - absl::FromUnixSeconds(time.seconds());
  return absl::FormatDuration(absl::Trunc(age, absl::Seconds(1)));
}

std::string CircuitOf(admin::v1::CircuitState state) {
  switch (state) {
    case admin::v1::CIRCUIT_STATE_CLOSED:
      return "closed";
    case admin::v1::CIRCUIT_STATE_OPEN:
      return "OPEN";
    case admin::v1::CIRCUIT_STATE_HALF_OPEN:
      return "half-open";
    default:
      return "-";
  }
}

// Progress of long work, on one line of the terminal.
void ShowProgress(const std::string& text) {
  if (isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "\r%s\033[K", text.c_str());
}
void EndProgress() { ShowProgress(""); }

ExitCode Providers(Admin::Stub& broker, const AdminOptions& options, const Words&) {
  admin::v1::DescribeProvidersResponse response;
  const grpc::Status status = Call(broker, &Admin::Stub::DescribeProviders,
                                   admin::v1::DescribeProvidersRequest(), response);
  if (!status.ok()) return Complain(status);
  const auto row = [](const std::string& name, const std::string& metadata, const std::string& keys,
                      const std::string& circuit, const std::string& issuer) {
    std::printf("%-20s %-14s %-14s %-9s %s\n", name.c_str(), metadata.c_str(), keys.c_str(),
                circuit.c_str(), issuer.c_str());
  };
  if (!options.json) {
    row("PROVIDER", "METADATA AGE", "KEYS AGE", "CIRCUIT", "ISSUER");
  }
  for (const auto& provider : response.providers()) {
    if (options.json) {
      PrintJson(provider);
    } else {
      row(provider.name(), Age(provider.discovery_fetched_at()), Age(provider.jwks_fetched_at()),
          CircuitOf(provider.circuit_state()), provider.issuer());
    }
  }
  return kOk;
}

ExitCode Scheduler(Admin::Stub& broker, const AdminOptions& options, const Words&) {
  admin::v1::DescribeSchedulerResponse response;
  const grpc::Status status = Call(broker, &Admin::Stub::DescribeScheduler,
                                   admin::v1::DescribeSchedulerRequest(), response);
  if (!status.ok()) return Complain(status);
  if (options.json) {
    PrintJson(response);
    return kOk;
  }
  const auto fact = [](const char* name, const std::string& value) {
    std::printf("%-24s %s\n", name, value.c_str());
  };
  fact("enabled", response.enabled() ? "yes" : "no");
  fact("due within a minute", absl::StrCat(response.due()));
  fact("overdue", absl::StrCat(response.overdue()));
  fact("in flight here", absl::StrCat(response.in_flight()));
  fact("claimed here", absl::StrCat(response.claims()));
  fact("lag", absl::FormatDuration(absl::Seconds(response.lag().seconds()) +
                                   absl::Nanoseconds(response.lag().nanos())));
  return kOk;
}

ExitCode Grants(Admin::Stub& broker, const AdminOptions& options, const Words&) {
  admin::v1::ListGrantsRequest request;
  request.set_client(options.client);
  request.set_subject(options.subject);
  request.set_state(options.state);
  std::vector<std::string> callers;
  std::vector<v1::Grant> grants;
  const grpc::Status status = CallForAllPages(broker, &Admin::Stub::ListGrants, std::move(request),
                                              [&](const admin::v1::ListGrantsResponse& page) {
                                                for (const auto& owned : page.grants()) {
                                                  if (options.json) {
                                                    PrintJson(owned);
                                                  } else {
                                                    callers.push_back(owned.caller());
                                                    grants.push_back(owned.grant());
                                                  }
                                                }
                                              });
  if (!status.ok()) return Complain(status);
  if (!options.json) PrintGrantTable(grants, callers);
  return kOk;
}

ExitCode RefreshOne(Admin::Stub& broker, const AdminOptions& options, const Words& arguments) {
  admin::v1::RefreshGrantRequest request;
  request.set_grant_id(arguments.front());
  admin::v1::RefreshGrantResponse response;
  const grpc::Status status = Call(broker, &Admin::Stub::RefreshGrant, request, response);
  if (!status.ok()) return Complain(status);
  if (options.json) {
    PrintJson(response.grant());
  } else {
    PrintGrant(response.grant());
  }
  return kOk;
}

ExitCode RevokeAll(Admin::Stub& broker, const AdminOptions& options, const Words&) {
  if (options.client.empty()) return WrongUsage("admin revoke needs --client");
  if (!options.yes && isatty(STDIN_FILENO) == 0) {
    return WrongUsage("admin revoke needs --yes without a terminal");
  }
  const std::string whose =
      options.subject.empty()
          ? absl::StrCat("ALL grants of client ", options.client)
          : absl::StrCat("all grants of ", options.subject, " at client ", options.client);
  if (!options.yes && !Confirm(absl::StrCat("End ", whose, " for good?"))) return kFailed;
  admin::v1::RevokeGrantsRequest request;
  request.set_client(options.client);
  request.set_subject(options.subject);
  request.set_page_size(kRevokedPerCall);
  admin::v1::RevokeGrantsResponse sum;
  const grpc::Status status =
      CallForAllPages(broker, &Admin::Stub::RevokeGrants, std::move(request),
                      [&](const admin::v1::RevokeGrantsResponse& page) {
                        sum.set_revoked_grants(sum.revoked_grants() + page.revoked_grants());
                        ShowProgress(absl::StrCat(sum.revoked_grants(), " grants ended"));
                      });
  EndProgress();
  if (!status.ok()) {
    std::fprintf(stderr, "tokenctl: %d grants were ended; run it again to go on\n",
                 sum.revoked_grants());
    return Complain(status);
  }
  if (options.json) {
    PrintJson(sum);
  } else {
    std::printf("%d grants ended\n", sum.revoked_grants());
  }
  return kOk;
}

ExitCode Rewrap(Admin::Stub& broker, const AdminOptions& options, const Words&) {
  admin::v1::RewrapGrantsRequest request;
  request.set_page_size(kRewrappedPerCall);
  admin::v1::RewrapGrantsResponse sum;
  const grpc::Status status = CallForAllPages(
      broker, &Admin::Stub::RewrapGrants, std::move(request),
      [&](const admin::v1::RewrapGrantsResponse& page) {
        sum.set_rewrapped_grants(sum.rewrapped_grants() + page.rewrapped_grants());
        sum.set_current_grants(sum.current_grants() + page.current_grants());
        sum.set_unreadable_grants(sum.unreadable_grants() + page.unreadable_grants());
        ShowProgress(absl::StrCat(sum.rewrapped_grants(), " sealed anew, ", sum.current_grants(),
                                  " already current"));
      });
  EndProgress();
  if (!status.ok()) {
    std::fprintf(stderr, "tokenctl: stopped after %d records; run it again to go on\n",
                 sum.rewrapped_grants() + sum.current_grants());
    return Complain(status);
  }
  if (options.json) {
    PrintJson(sum);
  } else {
    std::printf("%d sealed anew, %d already current, %d unreadable\n", sum.rewrapped_grants(),
                sum.current_grants(), sum.unreadable_grants());
  }
  if (sum.unreadable_grants() == 0) return kOk;
  std::fprintf(stderr,
               "tokenctl: no configured key opens the unreadable ones: put the key that sealed "
               "them back into encryption.keys\n");
  return kFailed;
}

ExitCode Reload(Admin::Stub& broker, const AdminOptions& options, const Words&) {
  admin::v1::ReloadConfigResponse response;
  const grpc::Status status =
      Call(broker, &Admin::Stub::ReloadConfig, admin::v1::ReloadConfigRequest(), response);
  if (!status.ok()) return Complain(status);
  if (options.json) {
    PrintJson(response);
  } else if (response.changed_sections().empty()) {
    std::printf("nothing has changed\n");
  } else {
    std::printf("now in use: %s\n", absl::StrJoin(response.changed_sections(), ", ").c_str());
  }
  return kOk;
}

struct Command {
  std::function<ExitCode(Admin::Stub&, const AdminOptions&, const Words&)> run;
  std::size_t arguments = 0;
};

const std::map<std::string, Command>& Commands() {
  static const auto* const commands = new std::map<std::string, Command>{
      {"providers", {Providers, 0}}, {"scheduler", {Scheduler, 0}}, {"grants", {Grants, 0}},
      {"refresh", {RefreshOne, 1}},  {"revoke", {RevokeAll, 0}},    {"rewrap", {Rewrap, 0}},
      {"reload", {Reload, 0}}};
  return *commands;
}

}  // namespace

ExitCode RunAdmin(Admin::Stub& broker, const AdminOptions& options, const Words& words) {
  const auto command = words.empty() ? Commands().end() : Commands().find(words.front());
  if (command == Commands().end()) return WrongUsage("admin takes one of these commands");
  const Words arguments(words.begin() + 1, words.end());
  if (arguments.size() != command->second.arguments) {
    return WrongUsage(absl::StrCat(
        "admin ", words.front(),
        command->second.arguments == 0 ? " takes no argument" : " takes one argument"));
  }
  return command->second.run(broker, options, arguments);
}

}  // namespace tokenbroker::tokenctl
