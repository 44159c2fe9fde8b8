// A steady load by the client library: calls for tokens from several threads, and a watch on each
// grant, until standard input ends. Then prints one line of JSON that says how it went.
//
//   steady_caller --address=ipv4:127.0.0.1:7070,127.0.0.1:7071 --grants=ID,ID --threads=8
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "grpcpp/client_context.h"
#include "tokenbroker/channel.h"
#include "tokenbroker/error.h"
#include "tokenbroker/token_watch.h"
#include "tokenbroker/v1/token_broker.grpc.pb.h"

ABSL_FLAG(std::string, address, "127.0.0.1:7070", "a gRPC target");
ABSL_FLAG(std::vector<std::string>, grants, {}, "the grants to ask for");
ABSL_FLAG(int, threads, 8, "how many callers there are");
ABSL_FLAG(int, pause_ms, 5, "between two calls of a caller");

namespace {

namespace v1 = tokenbroker::v1;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{15};

// What came of the calls.
class Tally {
 public:
  void Add(const grpc::Status& status, Clock::duration took) {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++calls_;
    worst_ = std::max(worst_, took);
    if (status.ok()) return;
    const std::string reason = tokenbroker::client::ReadErrorDetails(status).reason;
    ++failures_[absl::StrCat(static_cast<int>(status.error_code()), " ", reason, " ",
                             status.error_message())];
  }
  void AddExpired() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++expired_;
  }

  std::string ToJson(int interruptions, int watches_alive) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::int64_t failed = 0;
    for (const auto& [what, count] : failures_) failed += count;
    const std::string kinds = absl::StrJoin(failures_, ", ", [](std::string* out, const auto& one) {
      std::string text = one.first;
      for (char& c : text) {
        if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20) c = '\'';
      }
      absl::StrAppend(out, "\"", text, "\": ", one.second);
    });
    const auto worst = std::chrono::duration_cast<std::chrono::milliseconds>(worst_).count();
    return absl::StrCat("{\"calls\": ", calls_, ", \"failed\": ", failed, ", \"failures\": {",
                        kinds, "}, \"expired\": ", expired_, ", \"worst_ms\": ", worst,
                        ", \"interruptions\": ", interruptions,
                        ", \"watches_alive\": ", watches_alive, "}");
  }

 private:
  mutable std::mutex mutex_;
  std::int64_t calls_ = 0;
  std::int64_t expired_ = 0;  // tokens that had run out when they came
  Clock::duration worst_{};
  std::map<std::string, std::int64_t> failures_;
};

// Asks for a token of each grant in turn, and every tenth time for the grant itself.
void Call(const std::shared_ptr<grpc::Channel>& channel, const std::vector<std::string>& grants,
          std::size_t first, const std::atomic<bool>& over, Tally& tally) {
  const auto broker = v1::TokenBroker::NewStub(channel);
  for (std::size_t i = first; !over.load(); ++i) {
    const std::string& grant_id = grants[i % grants.size()];
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    const auto began = Clock::now();
    if (i % 10 == 0) {
      v1::GetGrantRequest request;
      request.set_grant_id(grant_id);
      v1::GetGrantResponse response;
      const grpc::Status status = broker->GetGrant(&context, request, &response);
      tally.Add(status, Clock::now() - began);
    } else {
      v1::GetAccessTokenRequest request;
      request.set_grant_id(grant_id);
      v1::GetAccessTokenResponse response;
      const grpc::Status status = broker->GetAccessToken(&context, request, &response);
      tally.Add(status, Clock::now() - began);
      const auto now = std::chrono::system_clock::now().time_since_epoch();
      if (status.ok() && response.expires_at().seconds() <
                             std::chrono::duration_cast<std::chrono::seconds>(now).count()) {
        tally.AddExpired();
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(absl::GetFlag(FLAGS_pause_ms)));
  }
}

}  // namespace

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const std::vector<std::string> grants = absl::GetFlag(FLAGS_grants);
  if (grants.empty()) {
    std::cerr << "steady_caller: --grants is missing\n";
    return 2;
  }
  tokenbroker::client::ChannelOptions options;
  options.address = absl::GetFlag(FLAGS_address);
  const auto channel = tokenbroker::client::MakeChannel(options);

  std::atomic<int> interruptions = 0;
  std::vector<std::unique_ptr<tokenbroker::client::TokenWatch>> watches;
  for (const std::string& grant_id : grants) {
    v1::WatchAccessTokenRequest request;
    request.set_grant_id(grant_id);
    tokenbroker::client::TokenWatchOptions watching;
    watching.on_interruption = [&interruptions](const grpc::Status&) { ++interruptions; };
    watches.push_back(
        std::make_unique<tokenbroker::client::TokenWatch>(channel, request, std::move(watching)));
  }
  Tally tally;
  std::atomic<bool> over = false;
  std::vector<std::thread> callers;
  for (int i = 0; i < absl::GetFlag(FLAGS_threads); ++i) {
    callers.emplace_back(Call, channel, grants, static_cast<std::size_t>(i), std::cref(over),
                         std::ref(tally));
  }
  std::cout << "{\"running\": true}" << std::endl;
  while (std::cin.get() != std::char_traits<char>::eof()) {
  }
  over = true;
  for (std::thread& caller : callers) caller.join();
  int alive = 0;
  for (const auto& watch : watches) {
    v1::GetAccessTokenResponse token;
    if (watch->Newest(std::chrono::system_clock::now() + kPatience, &token).ok()) ++alive;
  }
  watches.clear();
  std::cout << tally.ToJson(interruptions, alive) << std::endl;
  return 0;
}
