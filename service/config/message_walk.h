// Visits what lies at any depth of a configuration, with its path.
#pragma once

#include <functional>
#include <string>

#include "google/protobuf/message.h"
#include "tokenbroker/config/v1/options.pb.h"

namespace tokenbroker::config {

// Calls `visit` for `message`, which stands at `path`, and for every message of ours set in it.
void Walk(google::protobuf::Message& message, const std::string& path,
          const std::function<void(google::protobuf::Message&, const std::string&)>& visit);

// Calls `visit` for every message of type M in `root`.
template <typename M, typename Visit>
void ForEachMessage(google::protobuf::Message& root, Visit visit) {
  Walk(root, "", [&](google::protobuf::Message& message, const std::string& path) {
    if (message.GetDescriptor() == M::descriptor()) visit(static_cast<M&>(message), path);
  });
}

// Calls `visit` for every single text of this format that is set in `root`; what `visit` makes of
// the text is put back.
void ForEachText(google::protobuf::Message& root, v1::Format format,
                 const std::function<void(std::string&, const std::string&)>& visit);

}  // namespace tokenbroker::config
