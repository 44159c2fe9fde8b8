#include "tokenbroker/access_token_credentials.h"

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "grpcpp/client_context.h"
#include "tokenbroker/v1/token_broker.grpc.pb.h"

namespace tokenbroker::client {
namespace {

using Clock = std::chrono::system_clock;

// A token this close to its end is not put on a call any more: it would end on the way.
constexpr auto kMargin = std::chrono::seconds(10);
constexpr auto kPatience = std::chrono::seconds(30);

bool IsBoundToKey(const v1::GetAccessTokenResponse& token) { return token.token_type() == "DPoP"; }

std::string Authorization(const v1::GetAccessTokenResponse& token) {
  return token.token_type() + " " + token.access_token();
}

grpc::Status FromBroker(const grpc::Status& status) {
  return {status.error_code(), "token broker: " + status.error_message(), status.error_details()};
}

std::string ToString(const grpc::string_ref& text) { return {text.data(), text.size()}; }

class FreshToken final : public grpc::MetadataCredentialsPlugin {
 public:
  FreshToken(std::shared_ptr<grpc::Channel> channel, v1::GetAccessTokenRequest request)
      : stub_(v1::TokenBroker::NewStub(std::move(channel))), request_(std::move(request)) {}

  bool IsBlocking() const override { return true; }

  grpc::Status GetMetadata(grpc::string_ref service_url, grpc::string_ref method_name,
                           const grpc::AuthContext&,
                           std::multimap<grpc::string, grpc::string>* metadata) override {
    bool needs_proof = false;
    {
      // Held while asking, so that calls that need the token at once share one question.
      const std::lock_guard lock(mutex_);
      if (!bound_ && Clock::now() >= good_until_) {
        if (const grpc::Status status = Fetch(); !status.ok()) return status;
      }
      needs_proof = bound_;
      if (!needs_proof) metadata->emplace("authorization", authorization_);
    }
    if (!needs_proof) return grpc::Status::OK;
    std::string uri = ToString(service_url) + "/" + ToString(method_name);
    // gRPC names no scheme where it sends in the clear to this very machine.
    if (uri.rfind("://", 0) == 0) uri.insert(0, "http");
    return Prove(uri, metadata);
  }

  grpc::string DebugString() override { return "access token from the token broker"; }

 private:
  grpc::Status Ask(const v1::GetAccessTokenRequest& request, v1::GetAccessTokenResponse* response) {
    grpc::ClientContext context;
    context.set_deadline(Clock::now() + kPatience);
    const grpc::Status status = stub_->GetAccessToken(&context, request, response);
    return status.ok() ? status : FromBroker(status);
  }

  grpc::Status Fetch() {
    v1::GetAccessTokenResponse response;
    if (const grpc::Status status = Ask(request_, &response); !status.ok()) return status;
    bound_ = IsBoundToKey(response);
    authorization_ = bound_ ? "" : Authorization(response);
    good_until_ =
        Clock::time_point(std::chrono::seconds(response.expires_at().seconds())) - kMargin;
    return grpc::Status::OK;
  }

  // A proof is good for one request: nothing of it can be kept.
  grpc::Status Prove(const std::string& uri, std::multimap<grpc::string, grpc::string>* metadata) {
    v1::GetAccessTokenRequest request = request_;
    request.mutable_dpop_proof_for()->set_http_method("POST");
    request.mutable_dpop_proof_for()->set_http_uri(uri);
    v1::GetAccessTokenResponse response;
    if (const grpc::Status status = Ask(request, &response); !status.ok()) return status;
    metadata->emplace("authorization", Authorization(response));
    metadata->emplace("dpop", response.dpop_proof());
    return grpc::Status::OK;
  }

  const std::unique_ptr<v1::TokenBroker::Stub> stub_;
  const v1::GetAccessTokenRequest request_;
  std::mutex mutex_;
  std::string authorization_;
  Clock::time_point good_until_;
  bool bound_ = false;  // the tokens are; a grant's stay so for all its life
};

class NewestToken final : public grpc::MetadataCredentialsPlugin {
 public:
  explicit NewestToken(std::shared_ptr<TokenWatch> watch) : watch_(std::move(watch)) {}

  bool IsBlocking() const override { return true; }

  grpc::Status GetMetadata(grpc::string_ref, grpc::string_ref, const grpc::AuthContext&,
                           std::multimap<grpc::string, grpc::string>* metadata) override {
    v1::GetAccessTokenResponse token;
    const grpc::Status status = watch_->Newest(Clock::now() + kPatience, &token);
    if (!status.ok()) return FromBroker(status);
    if (IsBoundToKey(token)) {
      return {grpc::StatusCode::FAILED_PRECONDITION,
              "the token is bound to a key: make the credentials from a GetAccessTokenRequest, "
              "which gets a proof for every call"};
    }
    metadata->emplace("authorization", Authorization(token));
    return grpc::Status::OK;
  }

  grpc::string DebugString() override { return "watched access token from the token broker"; }

 private:
  const std::shared_ptr<TokenWatch> watch_;
};

}  // namespace

std::shared_ptr<grpc::CallCredentials> AccessTokenCredentials(
    std::shared_ptr<grpc::Channel> channel_to_broker, v1::GetAccessTokenRequest request) {
  return grpc::MetadataCredentialsFromPlugin(
      std::make_unique<FreshToken>(std::move(channel_to_broker), std::move(request)));
}

std::shared_ptr<grpc::CallCredentials> AccessTokenCredentials(std::shared_ptr<TokenWatch> watch) {
  return grpc::MetadataCredentialsFromPlugin(std::make_unique<NewestToken>(std::move(watch)));
}

}  // namespace tokenbroker::client
