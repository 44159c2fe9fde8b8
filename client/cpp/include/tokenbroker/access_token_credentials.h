// Call credentials that put a fresh access token on any outgoing gRPC call.
//
//   auto credentials = tokenbroker::client::AccessTokenCredentials(channel_to_broker, request);
//   context.set_credentials(credentials);   // or grpc::CompositeChannelCredentials
#pragma once

#include <memory>

#include "grpcpp/channel.h"
#include "grpcpp/security/credentials.h"
#include "tokenbroker/token_watch.h"
#include "tokenbroker/v1/token_broker.pb.h"

namespace tokenbroker::client {

// gRPC sends call credentials over secure channels only. Both are thread-safe. The broker's failure
// becomes the call's: same code, its message prefixed.

// `request` says which token, as for TokenBroker.GetAccessToken. The token is asked for when a call
// needs it and kept until shortly before its end; calls that need it at once share one question.
//
// A token that is bound to a key (DPoP, RFC 9449) goes with a proof of its own for every call,
// which the broker is asked for each time: POST to the URI that the call goes to. A server that
// wants a nonce in the proof refuses such calls.
std::shared_ptr<grpc::CallCredentials> AccessTokenCredentials(
    std::shared_ptr<grpc::Channel> channel_to_broker, v1::GetAccessTokenRequest request);

// Every call has the newest token that `watch` has, without a question. Bearer tokens alone: a call
// with a token that is bound to a key fails with FAILED_PRECONDITION, since its proof has to be
// asked for.
std::shared_ptr<grpc::CallCredentials> AccessTokenCredentials(std::shared_ptr<TokenWatch> watch);

}  // namespace tokenbroker::client
