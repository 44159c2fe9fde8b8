#include "grants/page_size.h"

#include "gtest/gtest.h"

namespace tokenbroker::grants {
namespace {

TEST(PageSize, IsWhatIsWishedForWithinBounds) {
  EXPECT_EQ(PageSize(0), kDefaultPageSize);
  EXPECT_EQ(PageSize(1), 1u);
  EXPECT_EQ(PageSize(kMaxPageSize), kMaxPageSize);
  EXPECT_EQ(PageSize(kMaxPageSize + 1), kMaxPageSize);
}

}  // namespace
}  // namespace tokenbroker::grants
