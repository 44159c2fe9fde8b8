// When the certificates expire that the broker shows to others.
#pragma once

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "rpc/server_identity.h"
#include "telemetry/metrics.h"
#include "tokenbroker/config/v1/config.pb.h"

namespace tokenbroker::wiring {

// Thread-safe.
class CertificateExpiries {
 public:
  explicit CertificateExpiries(const config::v1::Config& config) { Replace(config); }

  // From now on the files that `config` names count.
  void Replace(const config::v1::Config& config) ABSL_LOCKS_EXCLUDED(mutex_);

  // Reads the files, as each new connection does. One that cannot be read is left out: what needs
  // it fails, and says so. `identity` is what the server shows; null without TLS.
  void Tell(telemetry::Scrape& scrape, const rpc::ServerIdentity* identity) const
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // What is shown to one counterpart; of several the one that lasts longest counts.
  struct Shown {
    std::string use;
    std::string name;
    std::vector<std::string> files;
  };

  mutable Mutex mutex_;
  std::vector<Shown> all_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker::wiring
