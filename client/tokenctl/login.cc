#include "login.h"

#include <spawn.h>
#include <sys/wait.h>

#include <cstdio>
#include <string>

#include "grpcpp/client_context.h"
#include "loopback_callback.h"

extern char** environ;

namespace tokenbroker::tokenctl {
namespace {

// Without a shell, since the URL comes from outside. Whether it worked is seen by the user anyway.
void OpenBrowser(const std::string& url) {
  std::string program = "xdg-open";
  std::string argument = url;
  char* const words[] = {program.data(), argument.data(), nullptr};
  pid_t child = 0;
  if (posix_spawnp(&child, program.c_str(), nullptr, nullptr, words, environ) == 0) {
    waitpid(child, nullptr, 0);
  }
}

}  // namespace

ExitCode Login(v1::TokenBroker::Stub& broker, const LoginOptions& options) {
  std::string fault;
  const auto page = LoopbackCallback::Listen(options.request.redirect_uri(), fault);
  if (page == nullptr) {
    std::fprintf(stderr, "tokenctl: %s\n", fault.c_str());
    return kUsage;
  }
  v1::CreateAuthorizationUrlResponse begun;
  {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    const grpc::Status status = broker.CreateAuthorizationUrl(&context, options.request, &begun);
    if (!status.ok()) return Complain(status);
  }
  std::fprintf(stderr, "Sign in with your browser:\n\n  %s\n\n", begun.authorization_url().c_str());
  if (options.open_browser) OpenBrowser(begun.authorization_url());

  const auto received = page->Await(options.patience);
  if (!received) {
    std::fprintf(stderr, "tokenctl: nobody signed in\n");
    return kTryAgainLater;
  }
  v1::SubmitCallbackRequest request;
  if (received->form_body.empty()) {
    request.set_redirect_url(received->redirect_url);
  } else {
    request.set_form_body(received->form_body);
  }
  request.set_browser_binding(begun.browser_binding());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  v1::SubmitCallbackResponse answer;
  const grpc::Status status = broker.SubmitCallback(&context, request, &answer);
  if (!status.ok()) return Complain(status);
  if (options.json) {
    answer.clear_front_channel_access_token();
    PrintJson(answer);
  } else {
    PrintGrant(answer.grant());
  }
  return kOk;
}

}  // namespace tokenbroker::tokenctl
