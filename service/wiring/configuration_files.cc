#include "wiring/configuration_files.h"

#include <sys/stat.h>

#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/sha256.h"
#include "config/message_walk.h"

namespace tokenbroker::wiring {
namespace {

// `clients` of `clients[0].authentication`.
std::string SectionOf(const std::string& path) { return path.substr(0, path.find_first_of(".[")); }

std::string DigestOfFile(const std::string& file) {
  const auto text = ReadFile(file, kMaxNamedFileBytes);
  return text.ok() ? Sha256(*text) : "";
}

void Extend(std::string& digest, std::string_view more) {
  digest = Sha256(absl::StrCat(digest, std::string(more)));
}

}  // namespace

std::map<std::string, SectionDigest> DigestsOf(const config::LoadedConfig& loaded) {
  std::map<std::string, SectionDigest> digests;
  config::v1::Config config = loaded.config;
  const auto* descriptor = config.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    // A message with nothing else set is that section alone.
    config::v1::Config section = config;
    for (int other = 0; other < descriptor->field_count(); ++other) {
      if (other != i) section.GetReflection()->ClearField(&section, descriptor->field(other));
    }
    digests[descriptor->field(i)->name()].settings = section.SerializeAsString();
  }
  config::ForEachMessage<config::v1::SecretSource>(
      config, [&](const config::v1::SecretSource& source, const std::string& path) {
        Extend(digests[SectionOf(path)].secrets, Sha256(loaded.secrets.Get(source).Reveal()));
      });
  config::ForEachText(config, config::v1::FORMAT_FILE,
                      [&](const std::string& file, const std::string& path) {
                        if (path.ends_with(".file")) return;  // a secret
                        Extend(digests[SectionOf(path)].files, DigestOfFile(file));
                      });
  return digests;
}

std::vector<std::string> FilesOf(const std::string& file, const config::v1::Config& config) {
  std::vector<std::string> files = {file};
  config::v1::Config copy = config;
  config::ForEachText(
      copy, config::v1::FORMAT_FILE,
      [&](const std::string& named, const std::string&) { files.push_back(named); });
  return files;
}

std::string StampOf(const std::vector<std::string>& files) {
  std::string stamp;
  for (const std::string& file : files) {
    struct stat status = {};
    if (stat(file.c_str(), &status) != 0) {
      stamp += "-\n";
      continue;
    }
    absl::StrAppend(&stamp, status.st_dev, " ", status.st_ino, " ", status.st_size, " ",
                    status.st_mtim.tv_sec, " ", status.st_mtim.tv_nsec, "\n");
  }
  return stamp;
}

}  // namespace tokenbroker::wiring
