#include "tokenbroker/access_token_credentials.h"

#include <chrono>
#include <map>
#include <mutex>
#include <utility>

#include "grpcpp/client_context.h"
#include "tokenbroker/v1/token_broker.grpc.pb.h"

namespace tokenbroker::client {
namespace {

using Clock = std::chrono::system_clock;

// A token this close to its end is not put on a call any more: it would end on the way.
constexpr auto kMargin = std::chrono::seconds(10);
constexpr auto kPatience = std::chrono::seconds(30);

class FreshToken final : public grpc::MetadataCredentialsPlugin {
 public:
  FreshToken(std::shared_ptr<grpc::Channel> channel, v1::GetAccessTokenRequest request)
      : stub_(v1::TokenBroker::NewStub(std::move(channel))), request_(std::move(request)) {}

  bool IsBlocking() const override { return true; }

  grpc::Status GetMetadata(grpc::string_ref, grpc::string_ref, const grpc::AuthContext&,
                           std::multimap<grpc::string, grpc::string>* metadata) override {
    // Held while asking, so that calls that need the token at once share one question.
    const std::lock_guard lock(mutex_);
    if (Clock::now() >= good_until_) {
      if (const grpc::Status status = Fetch(); !status.ok()) return status;
    }
    metadata->emplace("authorization", authorization_);
    return grpc::Status::OK;
  }

  grpc::string DebugString() override { return "access token from the token broker"; }

 private:
  grpc::Status Fetch() {
    grpc::ClientContext context;
    context.set_deadline(Clock::now() + kPatience);
    v1::GetAccessTokenResponse response;
    const grpc::Status status = stub_->GetAccessToken(&context, request_, &response);
    if (!status.ok()) {
      return {status.error_code(), "token broker: " + status.error_message(),
              status.error_details()};
    }
    authorization_ = response.token_type() + " " + response.access_token();
    good_until_ =
        Clock::time_point(std::chrono::seconds(response.expires_at().seconds())) - kMargin;
    return status;
  }

  const std::unique_ptr<v1::TokenBroker::Stub> stub_;
  const v1::GetAccessTokenRequest request_;
  std::mutex mutex_;
  std::string authorization_;
  Clock::time_point good_until_;
};

}  // namespace

std::shared_ptr<grpc::CallCredentials> AccessTokenCredentials(
    std::shared_ptr<grpc::Channel> channel_to_broker, v1::GetAccessTokenRequest request) {
  return grpc::MetadataCredentialsFromPlugin(
      std::make_unique<FreshToken>(std::move(channel_to_broker), std::move(request)));
}

}  // namespace tokenbroker::client
