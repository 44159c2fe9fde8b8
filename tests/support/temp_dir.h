// A directory that goes with the test.
#pragma once

#include <string>
#include <string_view>

namespace tokenbroker::testing {

// Made under the system's temporary folder with mode 0700, and removed with all that is in it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }

  // Writes a file of this name with mode 0600 and returns its path.
  std::string Write(std::string_view name, std::string_view content) const;

 private:
  std::string path_;
};

}  // namespace tokenbroker::testing
