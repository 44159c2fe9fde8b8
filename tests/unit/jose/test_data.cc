#include "unit/jose/test_data.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace tokenbroker::jose {
namespace {

[[noreturn]] void Fail(const std::string& path) {
  std::fprintf(stderr, "cannot read %s\n", path.c_str());
  std::abort();
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) Fail(path);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

Json ParseFile(const std::string& path) {
  Json json = Json::parse(ReadFile(path), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) Fail(path);
  return json;
}

}  // namespace

std::string ReadTestData(const std::string& name) {
  return ReadFile(std::string(JOSE_TESTDATA_DIRECTORY) + "/" + name);
}

Json LoadTestData(const std::string& name) {
  return ParseFile(std::string(JOSE_TESTDATA_DIRECTORY) + "/" + name);
}

Json LoadWycheproof(const std::string& name) {
  const char* directory = std::getenv("WYCHEPROOF_DIR");
  return directory == nullptr ? Json() : ParseFile(std::string(directory) + "/" + name);
}

Json UnpackKey(const Json& key) {
  return key.is_string() ? Json::parse(key.get<std::string>()) : key;
}

}  // namespace tokenbroker::jose
