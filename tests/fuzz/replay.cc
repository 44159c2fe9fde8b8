// Stands in for libFuzzer where there is none: runs a target on every file given, and on every file
// in a folder given, as it is and then changed in kMutations ways. With none at all it fails, so
// that a lost corpus is noticed. The changes are the same in every run, so that whatever fails once
// fails again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

namespace {

constexpr std::size_t kMutations = 1000;

struct Seed {
  std::string path;
  std::string bytes;
};

void AddSeed(const std::filesystem::path& file, std::vector<Seed>& seeds) {
  std::ifstream stream(file, std::ios::binary);
  seeds.push_back({file.string(), std::string(std::istreambuf_iterator<char>(stream), {})});
}

// In order of their names: a folder's own order is another on every machine.
std::vector<Seed> SeedsIn(const std::filesystem::path& path) {
  std::vector<Seed> seeds;
  if (std::filesystem::is_directory(path)) {
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      if (entry.is_regular_file()) AddSeed(entry.path(), seeds);
    }
  } else {
    AddSeed(path, seeds);
  }
  std::ranges::sort(seeds, {}, &Seed::path);
  return seeds;
}

void Run(const std::string& bytes) {
  // On the heap and of its exact size, so that AddressSanitizer sees a read past the end.
  const std::vector<char> input(bytes.begin(), bytes.end());
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

// The distributions of the standard library differ between implementations; these do not.
class Random {
 public:
  std::size_t Below(std::size_t bound) { return static_cast<std::size_t>(engine_() % bound); }
  char Byte() { return static_cast<char>(engine_() & 0xFF); }

 private:
  std::mt19937_64 engine_;  // with its default seed
};

// One change of a kind that parsers get wrong: bytes changed, lost, doubled, cut off, or taken from
// another seed.
void MutateOnce(std::string& bytes, const std::vector<Seed>& seeds, Random& random) {
  using namespace std::string_view_literals;
  constexpr auto kTelling = "\0\n\r \"\\{}[],:.=&%+-/?#@~\x7f\x80\xff\x30zZ9"sv;
  if (bytes.empty()) {
    bytes.push_back(random.Byte());
    return;
  }
  const std::size_t at = random.Below(bytes.size());
  const std::size_t length = 1 + random.Below(std::min<std::size_t>(bytes.size() - at, 64));
  switch (random.Below(8)) {
    case 0:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.Below(8)));
      break;
    case 1:
      bytes[at] = random.Byte();
      break;
    case 2:
      bytes[at] = kTelling[random.Below(kTelling.size())];
      break;
    case 3:
      bytes.insert(at, 1, kTelling[random.Below(kTelling.size())]);
      break;
    case 4:
      bytes.erase(at, length);
      break;
    case 5:
      bytes.insert(at, bytes.substr(at, length));
      break;
    case 6:
      bytes.resize(at);
      break;
    default: {
      const std::string& other = seeds[random.Below(seeds.size())].bytes;
      const std::size_t from = random.Below(other.size() + 1);
      bytes.replace(at, length, other.substr(from, length));
    }
  }
}

std::string Mutate(const std::vector<Seed>& seeds, Random& random) {
  std::string bytes = seeds[random.Below(seeds.size())].bytes;
  for (std::size_t i = random.Below(4) + 1; i > 0; --i) MutateOnce(bytes, seeds, random);
  return bytes;
}

// Leaves what runs right now where FUZZ_LAST_INPUT says, for whoever wants to see what crashed.
void Keep(const std::string& bytes) {
  const char* path = std::getenv("FUZZ_LAST_INPUT");
  if (path != nullptr) std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<Seed> seeds;
  for (int i = 1; i < argc; ++i) {
    for (Seed& seed : SeedsIn(argv[i])) seeds.push_back(std::move(seed));
  }
  for (const Seed& seed : seeds) {
    std::cerr << seed.path << std::endl;  // flushed: the last line names what crashed
    Run(seed.bytes);
  }
  if (seeds.empty()) {
    std::cerr << "no inputs\n";
    return 1;
  }
  Random random;
  for (std::size_t i = 0; i < kMutations; ++i) {
    const std::string bytes = Mutate(seeds, random);
    std::cerr << "mutation " << i << std::endl;
    Keep(bytes);
    Run(bytes);
  }
  std::cerr << seeds.size() << " inputs replayed, " << kMutations << " mutations of them tried\n";
  return 0;
}
