#include "storage/redis/change_echoes.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/manual_clock.h"

namespace tokenbroker::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ChangeEchoesTest : public ::testing::Test {
 protected:
  testing::ManualClock clock_;
  std::vector<absl::Duration> told_;
  ChangeEchoes echoes_{clock_, [this](absl::Duration lag) { told_.push_back(lag); }};
};

TEST_F(ChangeEchoesTest, TellsTheTimeFromAChangeToTheNewsOfItOnce) {
  echoes_.Sent("a");
  clock_.Advance(absl::Milliseconds(3));
  echoes_.Sent("b");
  clock_.Advance(absl::Milliseconds(1));
  echoes_.Heard("a");
  echoes_.Heard("a");
  echoes_.Heard("b");
  EXPECT_THAT(told_, ElementsAre(absl::Milliseconds(4), absl::Milliseconds(1)));
}

TEST_F(ChangeEchoesTest, KnowsNothingOfTheChangesOfOthers) {
  echoes_.Heard("a");
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(ChangeEchoesTest, DoesNotTakeTheNewsOfAnotherForThatOfAFailedChange) {
  echoes_.Sent("a");
  echoes_.Failed("a");
  echoes_.Heard("a");
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(ChangeEchoesTest, ForgetsWhatItWasNotToldOfWhileNothingIsHeard) {
  echoes_.Sent("a");
  echoes_.Forget();
  echoes_.Heard("a");
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(ChangeEchoesTest, KeepsOnlySoMany) {
  for (int i = 0; i < 5000; ++i) echoes_.Sent(std::to_string(i));
  for (int i = 0; i < 5000; ++i) echoes_.Heard(std::to_string(i));
  EXPECT_THAT(told_, SizeIs(1024));
}

}  // namespace
}  // namespace tokenbroker::storage
