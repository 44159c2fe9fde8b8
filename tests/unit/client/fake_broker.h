// A token broker that does as a test tells it.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "tokenbroker/v1/token_broker.grpc.pb.h"

namespace tokenbroker::client {

inline v1::GetAccessTokenResponse Token(const std::string& value, std::int64_t expires_at) {
  v1::GetAccessTokenResponse token;
  token.set_access_token(value);
  token.set_token_type("Bearer");
  token.mutable_expires_at()->set_seconds(expires_at);
  return token;
}

// Thread-safe.
class FakeBroker final : public v1::TokenBroker::Service {
 public:
  // What one stream does: gives the tokens and ends, or stays open where `status` is OK.
  struct Stream {
    std::vector<v1::GetAccessTokenResponse> tokens;
    grpc::Status status;
  };

  FakeBroker() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::experimental::LocalServerCredentials(LOCAL_TCP),
                             &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeBroker() override { server_->Shutdown(std::chrono::system_clock::now()); }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::shared_ptr<grpc::Channel> Connect() const {
    return grpc::CreateChannel(address(), grpc::experimental::LocalCredentials(LOCAL_TCP));
  }

  // The streams that are begun from now on, in order; the last is repeated.
  void Script(std::deque<Stream> streams) {
    absl::MutexLock lock(&mutex_);
    streams_ = std::move(streams);
  }
  int streams() {
    absl::MutexLock lock(&mutex_);
    return begun_;
  }
  void SetAnswer(v1::GetAccessTokenResponse answer) {
    absl::MutexLock lock(&mutex_);
    answer_ = std::move(answer);
  }
  std::vector<v1::GetAccessTokenRequest> asked() {
    absl::MutexLock lock(&mutex_);
    return asked_;
  }

  grpc::Status GetAccessToken(grpc::ServerContext*, const v1::GetAccessTokenRequest* request,
                              v1::GetAccessTokenResponse* response) override {
    absl::MutexLock lock(&mutex_);
    asked_.push_back(*request);
    *response = answer_;
    const v1::DpopTarget& target = request->dpop_proof_for();
    if (request->has_dpop_proof_for()) {
      response->set_dpop_proof("proof of " + target.http_method() + " " + target.http_uri());
    }
    return grpc::Status::OK;
  }

  grpc::Status WatchAccessToken(grpc::ServerContext* context, const v1::WatchAccessTokenRequest*,
                                grpc::ServerWriter<v1::GetAccessTokenResponse>* writer) override {
    Stream stream;
    {
      absl::MutexLock lock(&mutex_);
      ++begun_;
      stream = streams_.front();
      if (streams_.size() > 1) streams_.pop_front();
    }
    for (const auto& token : stream.tokens) writer->Write(token);
    while (stream.status.ok() && !context->IsCancelled()) absl::SleepFor(absl::Milliseconds(1));
    return stream.status;
  }

  // What a call of this method was made with; the resource server is the same process.
  grpc::Status GetGrant(grpc::ServerContext* context, const v1::GetGrantRequest*,
                        v1::GetGrantResponse* response) override {
    for (const auto& [name, value] : context->client_metadata()) {
      const std::string key(name.data(), name.size());
      if (key != "authorization" && key != "dpop") continue;
      response->mutable_grant()->add_scopes(key + ": " + std::string(value.data(), value.size()));
    }
    return grpc::Status::OK;
  }

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  absl::Mutex mutex_;
  std::deque<Stream> streams_ ABSL_GUARDED_BY(mutex_);
  int begun_ ABSL_GUARDED_BY(mutex_) = 0;
  v1::GetAccessTokenResponse answer_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::GetAccessTokenRequest> asked_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker::client
