// What a configuration is made of: its sections, and the files and secrets that each names.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/config.h"

namespace tokenbroker::wiring {

// One top-level section, in forms that two loads can be compared by. Nothing secret is in them.
struct SectionDigest {
  std::string settings;  // the section as written, completed
  std::string secrets;   // of the secrets that it names
  std::string files;     // of the other files that it names

  friend bool operator==(const SectionDigest&, const SectionDigest&) = default;
};

// By name, such as `clients`. Reads the files.
std::map<std::string, SectionDigest> DigestsOf(const config::LoadedConfig& loaded);

// The files that it depends on, itself first.
std::vector<std::string> FilesOf(const std::string& file, const config::v1::Config& config);

// Changes whenever one of the files is replaced, written, removed or made. Reads none of them.
std::string StampOf(const std::vector<std::string>& files);

}  // namespace tokenbroker::wiring
