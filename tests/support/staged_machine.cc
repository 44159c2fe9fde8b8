// Preloaded into a broker by the end-to-end tests (LD_PRELOAD): a wall clock and a name service
// that a test can move while the broker runs. Timers, and everything of the libraries, keep real
// time.
//
//   STAGED_CLOCK  a file of eight bytes: the nanoseconds, in the machine's byte order, to add to
//   the
//                 wall clock that the broker reads; written to while the broker runs
//   STAGED_HOSTS  a file of lines `NAME MILLISECONDS ADDRESS...`: that name is answered after that
//                 long with these addresses, with none of them as a name that does not exist, and
//                 with `?` as a name server that fails. Read at every look-up. Other names are left
//                 to the system.
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace {

const volatile std::int64_t* MapClock() {
  const char* file = std::getenv("STAGED_CLOCK");
  const int descriptor = file == nullptr ? -1 : open(file, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return nullptr;
  void* shared = mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, descriptor, 0);
  close(descriptor);
  return shared == MAP_FAILED ? nullptr : static_cast<const volatile std::int64_t*>(shared);
}

using Resolver = int (*)(const char*, const char*, const addrinfo*, addrinfo**);

Resolver SystemResolver() {
  static const auto resolver = reinterpret_cast<Resolver>(dlsym(RTLD_NEXT, "getaddrinfo"));
  return resolver;
}

// The list of one look-up per address, chained: glibc frees such a list node by node.
int Chain(std::istream& addresses, const char* service, const addrinfo* hints, addrinfo** found) {
  addrinfo numeric = hints == nullptr ? addrinfo{} : *hints;
  numeric.ai_flags |= AI_NUMERICHOST;
  numeric.ai_family = AF_UNSPEC;
  *found = nullptr;
  addrinfo** end = found;
  for (std::string address; addresses >> address;) {
    if (address == "?") return EAI_AGAIN;
    if (SystemResolver()(address.c_str(), service, &numeric, end) != 0) continue;
    while (*end != nullptr) end = &(*end)->ai_next;
  }
  return *found == nullptr ? EAI_NONAME : 0;
}

}  // namespace

// Stands in for Abseil's own, which is in a shared library.
absl::Time absl::Now() {
  static const volatile std::int64_t* const shift = MapClock();
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  return absl::TimeFromTimespec(now) + absl::Nanoseconds(shift == nullptr ? 0 : *shift);
}

extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                           addrinfo** found) {
  const char* file = std::getenv("STAGED_HOSTS");
  if (file != nullptr && name != nullptr) {
    std::ifstream hosts(file);
    for (std::string line; std::getline(hosts, line);) {
      std::istringstream words(line);
      std::string listed;
      int milliseconds = 0;
      if (!(words >> listed >> milliseconds) || listed != name) continue;
      std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
      return Chain(words, service, hints, found);
    }
  }
  return SystemResolver()(name, service, hints, found);
}
