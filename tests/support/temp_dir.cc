#include "support/temp_dir.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace tokenbroker::testing {

TempDir::TempDir()
    : path_((std::filesystem::temp_directory_path() / "tokenbroker-XXXXXX").string()) {
  if (mkdtemp(path_.data()) == nullptr) std::abort();
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::Write(std::string_view name, std::string_view content) const {
  const std::string file = path_ + "/" + std::string(name);
  std::ofstream(file, std::ios::binary) << content;
  chmod(file.c_str(), 0600);
  return file;
}

}  // namespace tokenbroker::testing
