// Call credentials that put a fresh access token on any outgoing gRPC call.
//
//   auto credentials = tokenbroker::client::AccessTokenCredentials(channel_to_broker, request);
//   context.set_credentials(credentials);   // or grpc::CompositeChannelCredentials
#pragma once

#include <memory>

#include "grpcpp/channel.h"
#include "grpcpp/security/credentials.h"
#include "tokenbroker/v1/token_broker.pb.h"

namespace tokenbroker::client {

// `request` says which token, as for TokenBroker.GetAccessToken. The token is asked for when a call
// needs it and kept until shortly before its end; calls that need it at once share one question.
// The broker's failure becomes the call's: same code, its message prefixed.
//
// gRPC sends call credentials over secure channels only. Thread-safe.
std::shared_ptr<grpc::CallCredentials> AccessTokenCredentials(
    std::shared_ptr<grpc::Channel> channel_to_broker, v1::GetAccessTokenRequest request);

}  // namespace tokenbroker::client
