// Stands in for libFuzzer where there is none: runs a target once on every file given, and on every
// file in a folder given. With none at all it fails, so that a lost corpus is noticed.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

namespace {

std::vector<std::filesystem::path> FilesIn(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return {path};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  return files;
}

void Replay(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  // On the heap and of its exact size, so that AddressSanitizer sees a read past the end.
  const std::vector<char> bytes{std::istreambuf_iterator<char>(stream), {}};
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t replayed = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& file : FilesIn(argv[i])) {
      std::cerr << file.string() << std::endl;  // flushed: the last line names what crashed
      Replay(file);
      ++replayed;
    }
  }
  std::cerr << replayed << " inputs replayed\n";
  return replayed > 0 ? 0 : 1;
}
