// tokenctl: the token broker from a terminal.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "admin.h"
#include "completion.h"
#include "doctor.h"
#include "exchange.h"
#include "grpcpp/client_context.h"
#include "login.h"
#include "output.h"
#include "tokenbroker/channel.h"
#include "tokenbroker/v1/token_broker.grpc.pb.h"
#include "watch.h"

ABSL_FLAG(std::string, address, "",
          "the broker; default: $TOKEN_BROKER_ADDRESS, else 127.0.0.1:7070");
ABSL_FLAG(bool, tls, false, "speak TLS, trusting the system's certificates");
ABSL_FLAG(std::string, ca, "", "speak TLS, trusting the certificates in this PEM file");
ABSL_FLAG(std::string, cert, "", "client certificate, PEM");
ABSL_FLAG(std::string, key, "", "its private key, PEM");
ABSL_FLAG(std::string, token_file, "", "a file with a bearer JWT that says who you are");
ABSL_FLAG(bool, json, false, "print JSON, one message a line");
ABSL_FLAG(std::string, config, "", "doctor: the broker's configuration file");
ABSL_FLAG(std::string, client, "",
          "login, grants, exchange, admin: the client, by its configured name");
ABSL_FLAG(std::vector<std::string>, scopes, {},
          "login, token, exchange: scopes, separated by commas");
ABSL_FLAG(std::string, audience, "", "login, token, exchange: the audience");
ABSL_FLAG(std::string, redirect_uri, "http://127.0.0.1:8400/callback",
          "login: a loopback URI that the client is configured with");
ABSL_FLAG(std::string, response_type, "", "login: such as 'code' or 'code id_token'");
ABSL_FLAG(std::string, response_mode, "", "login: form_post or query");
ABSL_FLAG(std::string, prompt, "",
          "login: such as 'consent', which some providers want for a refresh token");
ABSL_FLAG(bool, open, true, "login: open the browser; --noopen prints the URL only");
ABSL_FLAG(absl::Duration, min_remaining, absl::ZeroDuration(),
          "token: how much longer the token must live, such as 5m");
ABSL_FLAG(std::string, dpop, "",
          "token: also print a DPoP proof for a request, such as 'GET https://api.example/orders'");
ABSL_FLAG(std::string, dpop_nonce, "", "token: the nonce that the proof must have");
ABSL_FLAG(std::string, subject, "", "grants, admin: those of this subject");
ABSL_FLAG(std::string, state, "",
          "grants, admin grants: active, reauthorization_required or revoked");
ABSL_FLAG(bool, yes, false, "revoke, admin revoke: do not ask");
ABSL_FLAG(std::string, post_logout_redirect_uri, "",
          "logout: where the browser goes afterwards, as configured for the client");
ABSL_FLAG(std::string, subject_token_type, "urn:ietf:params:oauth:token-type:access_token",
          "exchange: what kind of token is piped in");

namespace tokenbroker::tokenctl {
namespace {

constexpr char kUsageText[] =
    "the token broker from a terminal\n\n"
    "  tokenctl login --client=NAME      sign in with your browser; prints the grant\n"
    "  tokenctl token GRANT              print an access token that is still good\n"
    "  tokenctl watch GRANT              print each access token as it replaces the last\n"
    "  tokenctl grants                   list your grants\n"
    "  tokenctl grant GRANT              show one\n"
    "  tokenctl userinfo GRANT           what the provider says about its user\n"
    "  tokenctl revoke GRANT             end it, here and at the provider\n"
    "  tokenctl logout GRANT             print the URL that signs its user out at the provider\n"
    "  tokenctl exchange --client=NAME   exchange the token on standard input for another\n"
    "  tokenctl admin COMMAND            what operators do; --help lists the commands\n"
    "  tokenctl doctor --config=FILE     look at what a broker depends on, and say what to mend\n"
    "  tokenctl completion bash|zsh      print a completion script\n\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 denied, 5 sign in again,\n"
    "6 try again later.";

using Arguments = std::vector<std::string>;

ExitCode WrongUsage(const std::string& what) {
  std::fprintf(stderr, "tokenctl: %s\n\ntokenctl: %s\n", what.c_str(), kUsageText);
  return kUsage;
}

void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
}

ExitCode RunLogin(v1::TokenBroker::Stub& broker, const Arguments&) {
  if (absl::GetFlag(FLAGS_client).empty()) return WrongUsage("login needs --client");
  LoginOptions options{.open_browser = absl::GetFlag(FLAGS_open),
                       .json = absl::GetFlag(FLAGS_json)};
  options.request.set_client(absl::GetFlag(FLAGS_client));
  options.request.set_redirect_uri(absl::GetFlag(FLAGS_redirect_uri));
  options.request.set_response_type(absl::GetFlag(FLAGS_response_type));
  options.request.set_response_mode(absl::GetFlag(FLAGS_response_mode));
  options.request.set_prompt(absl::GetFlag(FLAGS_prompt));
  options.request.set_audience(absl::GetFlag(FLAGS_audience));
  for (const std::string& scope : absl::GetFlag(FLAGS_scopes)) options.request.add_scopes(scope);
  return Login(broker, options);
}

ExitCode RunToken(v1::TokenBroker::Stub& broker, const Arguments& arguments) {
  v1::GetAccessTokenRequest request;
  request.set_grant_id(arguments.front());
  request.set_audience(absl::GetFlag(FLAGS_audience));
  for (const std::string& scope : absl::GetFlag(FLAGS_scopes)) request.add_scopes(scope);
  request.mutable_min_remaining_lifetime()->set_seconds(
      absl::ToInt64Seconds(absl::GetFlag(FLAGS_min_remaining)));
  if (const std::string proved = absl::GetFlag(FLAGS_dpop); !proved.empty()) {
    const auto space = proved.find(' ');
    if (space == std::string::npos) return WrongUsage("--dpop takes a method, a space and a URI");
    request.mutable_dpop_proof_for()->set_http_method(proved.substr(0, space));
    request.mutable_dpop_proof_for()->set_http_uri(proved.substr(space + 1));
    request.mutable_dpop_proof_for()->set_nonce(absl::GetFlag(FLAGS_dpop_nonce));
  }
  grpc::ClientContext context;
  SetDeadline(context);
  v1::GetAccessTokenResponse response;
  const grpc::Status status = broker.GetAccessToken(&context, request, &response);
  if (!status.ok()) return Complain(status);
  if (absl::GetFlag(FLAGS_json)) {
    PrintJson(response);
    return kOk;
  }
  // The token alone on standard output, for $(…); a proof that was asked for on a line of its own.
  std::printf("%s\n", response.access_token().c_str());
  if (request.has_dpop_proof_for()) std::printf("%s\n", response.dpop_proof().c_str());
  if (isatty(STDERR_FILENO) != 0) {
    std::fprintf(stderr, "expires %s\n", FormatTime(response.expires_at()).c_str());
  }
  return kOk;
}

ExitCode RunWatch(const std::shared_ptr<grpc::Channel>& channel, const Arguments& arguments) {
  v1::WatchAccessTokenRequest request;
  request.set_grant_id(arguments.front());
  request.set_audience(absl::GetFlag(FLAGS_audience));
  for (const std::string& scope : absl::GetFlag(FLAGS_scopes)) request.add_scopes(scope);
  return Watch(channel, std::move(request), absl::GetFlag(FLAGS_json));
}

// The state that --state names; nothing for a word that is none.
std::optional<v1::GrantState> WantedState() {
  static const auto* const states = new std::map<std::string, v1::GrantState>{
      {"", v1::GRANT_STATE_UNSPECIFIED},
      {"active", v1::GRANT_STATE_ACTIVE},
      {"reauthorization_required", v1::GRANT_STATE_REAUTHORIZATION_REQUIRED},
      {"revoked", v1::GRANT_STATE_REVOKED}};
  const auto found = states->find(absl::GetFlag(FLAGS_state));
  if (found == states->end()) return std::nullopt;
  return found->second;
}

constexpr char kStateUsage[] = "--state must be active, reauthorization_required or revoked";

ExitCode RunGrants(v1::TokenBroker::Stub& broker, const Arguments&) {
  const auto state = WantedState();
  if (!state) return WrongUsage(kStateUsage);
  v1::ListGrantsRequest request;
  request.set_client(absl::GetFlag(FLAGS_client));
  request.set_subject(absl::GetFlag(FLAGS_subject));
  request.set_state(*state);
  std::vector<v1::Grant> grants;
  do {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::ListGrantsResponse page;
    const grpc::Status status = broker.ListGrants(&context, request, &page);
    if (!status.ok()) return Complain(status);
    for (const v1::Grant& grant : page.grants()) {
      if (absl::GetFlag(FLAGS_json)) {
        PrintJson(grant);
      } else {
        grants.push_back(grant);
      }
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  if (!absl::GetFlag(FLAGS_json)) PrintGrantTable(grants);
  return kOk;
}

ExitCode RunGrant(v1::TokenBroker::Stub& broker, const Arguments& arguments) {
  v1::GetGrantRequest request;
  request.set_grant_id(arguments.front());
  grpc::ClientContext context;
  SetDeadline(context);
  v1::GetGrantResponse response;
  const grpc::Status status = broker.GetGrant(&context, request, &response);
  if (!status.ok()) return Complain(status);
  if (absl::GetFlag(FLAGS_json)) {
    PrintJson(response.grant());
  } else {
    PrintGrant(response.grant());
  }
  return kOk;
}

ExitCode RunUserInfo(v1::TokenBroker::Stub& broker, const Arguments& arguments) {
  v1::GetUserInfoRequest request;
  request.set_grant_id(arguments.front());
  grpc::ClientContext context;
  SetDeadline(context);
  v1::GetUserInfoResponse response;
  const grpc::Status status = broker.GetUserInfo(&context, request, &response);
  if (!status.ok()) return Complain(status);
  PrintJson(response.claims());
  return kOk;
}

ExitCode RunRevoke(v1::TokenBroker::Stub& broker, const Arguments& arguments) {
  if (!absl::GetFlag(FLAGS_yes)) {
    if (isatty(STDIN_FILENO) == 0) return WrongUsage("revoke needs --yes without a terminal");
    if (!Confirm("End grant " + arguments.front() + " for good?")) return kFailed;
  }
  v1::RevokeGrantRequest request;
  request.set_grant_id(arguments.front());
  grpc::ClientContext context;
  SetDeadline(context);
  v1::RevokeGrantResponse response;
  const grpc::Status status = broker.RevokeGrant(&context, request, &response);
  if (!status.ok()) return Complain(status);
  if (absl::GetFlag(FLAGS_json)) {
    PrintJson(response);
  } else {
    std::printf("ended%s\n", response.revoked_at_provider()
                                 ? ", here and at the provider"
                                 : " here; the provider has not confirmed it");
  }
  return kOk;
}

ExitCode RunLogout(v1::TokenBroker::Stub& broker, const Arguments& arguments) {
  v1::CreateLogoutUrlRequest request;
  request.set_grant_id(arguments.front());
  request.set_post_logout_redirect_uri(absl::GetFlag(FLAGS_post_logout_redirect_uri));
  grpc::ClientContext context;
  SetDeadline(context);
  v1::CreateLogoutUrlResponse response;
  const grpc::Status status = broker.CreateLogoutUrl(&context, request, &response);
  if (!status.ok()) return Complain(status);
  if (absl::GetFlag(FLAGS_json)) {
    PrintJson(response);
  } else {
    std::printf("%s\n", response.logout_url().c_str());
  }
  return kOk;
}

ExitCode RunExchange(v1::TokenBroker::Stub& broker, const Arguments&) {
  if (absl::GetFlag(FLAGS_client).empty()) return WrongUsage("exchange needs --client");
  v1::ExchangeTokenRequest request;
  request.set_client(absl::GetFlag(FLAGS_client));
  request.set_subject_token_type(absl::GetFlag(FLAGS_subject_token_type));
  request.set_audience(absl::GetFlag(FLAGS_audience));
  for (const std::string& scope : absl::GetFlag(FLAGS_scopes)) request.add_scopes(scope);
  return Exchange(broker, std::move(request), std::cin, absl::GetFlag(FLAGS_json));
}

using Channel = std::shared_ptr<grpc::Channel>;

struct Command {
  std::function<ExitCode(const Channel&, const Arguments&)> run;
  std::size_t arguments = 0;  // how many it takes
};

Command OneCall(ExitCode (*run)(v1::TokenBroker::Stub&, const Arguments&), std::size_t arguments) {
  return {[run](const Channel& channel, const Arguments& words) {
            return run(*v1::TokenBroker::NewStub(channel), words);
          },
          arguments};
}

const std::map<std::string, Command>& Commands() {
  static const auto* const kCommands =
      new std::map<std::string, Command>{{"login", OneCall(RunLogin, 0)},
                                         {"token", OneCall(RunToken, 1)},
                                         {"watch", {RunWatch, 1}},
                                         {"grants", OneCall(RunGrants, 0)},
                                         {"grant", OneCall(RunGrant, 1)},
                                         {"userinfo", OneCall(RunUserInfo, 1)},
                                         {"revoke", OneCall(RunRevoke, 1)},
                                         {"logout", OneCall(RunLogout, 1)},
                                         {"exchange", OneCall(RunExchange, 0)}};
  return *kCommands;
}

client::ChannelOptions OptionsOfChannel() {
  client::ChannelOptions options{.ca_file = absl::GetFlag(FLAGS_ca),
                                 .certificate_file = absl::GetFlag(FLAGS_cert),
                                 .private_key_file = absl::GetFlag(FLAGS_key),
                                 .tls = absl::GetFlag(FLAGS_tls),
                                 .bearer_token_file = absl::GetFlag(FLAGS_token_file)};
  const char* const from_environment = std::getenv("TOKEN_BROKER_ADDRESS");
  if (!absl::GetFlag(FLAGS_address).empty()) {
    options.address = absl::GetFlag(FLAGS_address);
  } else if (from_environment != nullptr) {
    options.address = from_environment;
  }
  return options;
}

ExitCode RunOperator(const Arguments& words) {
  const auto state = WantedState();
  if (!state) return WrongUsage(kStateUsage);
  const AdminOptions options{.json = absl::GetFlag(FLAGS_json),
                             .yes = absl::GetFlag(FLAGS_yes),
                             .client = absl::GetFlag(FLAGS_client),
                             .subject = absl::GetFlag(FLAGS_subject),
                             .state = *state};
  try {
    const auto broker = admin::v1::Admin::NewStub(client::MakeChannel(OptionsOfChannel()));
    return RunAdmin(*broker, options, words);
  } catch (const std::runtime_error& error) {
    return WrongUsage(error.what());
  }
}

ExitCode Run(const Arguments& words) {
  if (words.empty()) return WrongUsage("a command is missing");
  const Arguments arguments(words.begin() + 1, words.end());
  if (words.front() == "completion") {
    const std::string_view script = CompletionScript(arguments.empty() ? "" : arguments.front());
    if (script.empty()) return WrongUsage("completion takes bash or zsh");
    std::fwrite(script.data(), 1, script.size(), stdout);
    return kOk;
  }
  if (words.front() == "admin") return RunOperator(arguments);
  if (words.front() == "doctor") {
    if (absl::GetFlag(FLAGS_config).empty()) return WrongUsage("doctor needs --config");
    return RunDoctor(absl::GetFlag(FLAGS_config), absl::GetFlag(FLAGS_json));
  }
  const auto command = Commands().find(words.front());
  if (command == Commands().end()) return WrongUsage("there is no command " + words.front());
  if (arguments.size() != command->second.arguments) {
    return WrongUsage(words.front() + (command->second.arguments == 0 ? " takes no argument"
                                                                      : " takes one argument"));
  }
  try {
    return command->second.run(client::MakeChannel(OptionsOfChannel()), arguments);
  } catch (const std::runtime_error& error) {
    return WrongUsage(error.what());
  }
}

}  // namespace
}  // namespace tokenbroker::tokenctl

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(absl::StrCat(tokenbroker::tokenctl::kUsageText,
                                            "\n\nFor operators:\n",
                                            tokenbroker::tokenctl::kAdminUsage));
  absl::SetFlagsUsageConfig(
      {.contains_help_flags =
           [](absl::string_view file) { return absl::StrContains(file, "tokenctl/"); },
       .version_string = [] { return "tokenctl " TB_VERSION "\n"; }});
  const std::vector<char*> words = absl::ParseCommandLine(argc, argv);
  return tokenbroker::tokenctl::Run({words.begin() + 1, words.end()});
}
