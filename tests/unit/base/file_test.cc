#include "base/file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/status_matchers.h"
#include "support/temp_dir.h"

namespace tokenbroker {
namespace {

using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using testing::TempDir;

TEST(ReadFile, ReadsUpToTheLimitAndNoFurther) {
  const TempDir folder;
  for (const std::size_t size : {0U, 1U, 4095U, 4096U}) {
    const std::string content(size, 'x');
    const std::string file = folder.Write("file", content);
    EXPECT_THAT(ReadFile(file, 4096), IsOkAndHolds(content)) << size;
  }
  const auto larger = ReadFile(folder.Write("file", std::string(4097, 'x')), 4096);
  EXPECT_EQ(larger.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(larger.status().message()), HasSubstr("larger than 4 KiB"));
}

// What procfs holds says a size of 0.
TEST(ReadFile, ReadsMoreThanTheFileSaidItHas) {
  const auto status = ReadFile("/proc/self/status", 1 << 20);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_THAT(*status, HasSubstr("VmRSS"));
  EXPECT_EQ(ReadFile("/proc/self/status", 16).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ReadFile, RefusesWhatIsNoFileWithoutWaiting) {
  const TempDir folder;
  const std::string fifo = folder.path() + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(ReadFile(fifo, 10).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadFile(folder.path(), 10).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadFile(folder.path() + "/none", 10).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace tokenbroker
