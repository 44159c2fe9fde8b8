#include "storage/disk/disk_spool.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/disk/durable_file.h"
#include "support/manual_clock.h"
#include "support/sample_grant.h"
#include "support/status_matchers.h"
#include "support/temp_dir.h"
#include "telemetry/line_sink.h"

namespace tokenbroker::storage {
namespace {

using grants::GrantCommit;
using grants::KeyRing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class Lines final : public telemetry::LineSink {
 public:
  void Write(std::string_view lines) override { text += lines; }
  std::string text;
};

KeyRing RingOf(const std::string& id) {
  std::vector<grants::SealingKey> keys;
  keys.push_back({id, Secret(std::string(grants::kSealingKeySize, id[0]))});
  return *KeyRing::Create(std::move(keys));
}

class DiskSpoolTest : public ::testing::Test {
 protected:
  std::unique_ptr<DiskSpool> Open() { return Open(ring_); }
  std::unique_ptr<DiskSpool> Open(const KeyRing& ring) {
    auto spool = DiskSpool::Open(folder_, ring, log_);
    EXPECT_OK(spool);
    return spool.ok() ? *std::move(spool) : nullptr;
  }
  GrantCommit Answer(const std::string& grant_id) const {
    return {.grant = testing::SampleGrant(grant_id, clock_.Now()), .expected_generation = 7};
  }
  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      if (entry.path().filename() != "lock") names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  void Overwrite(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ + "/" + name) << content;
  }
  std::string Content(const std::string& name) const { return *ReadWhole(folder_ + "/" + name); }

  const testing::TempDir temp_;
  const std::string folder_ = temp_.path() + "/spool";
  testing::ManualClock clock_;
  Lines lines_;
  const telemetry::Log log_{lines_, clock_, telemetry::Level::kDebug, telemetry::Format::kText};
  const KeyRing ring_ = RingOf("one");
};

TEST_F(DiskSpoolTest, KeepsAnswersFromOneProcessToTheNext) {
  ASSERT_OK(Open()->Put("a", Answer("grant-1"), nullptr));
  const auto found = Open()->Load();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].name, "a");
  EXPECT_EQ(found[0].commit.expected_generation, 7u);
  const grants::Grant put = testing::SampleGrant("grant-1", clock_.Now());
  EXPECT_EQ(grants::SerializeGrant(found[0].commit.grant), grants::SerializeGrant(put));
}

TEST_F(DiskSpoolTest, KeepsWhatASignInCameTo) {
  const grants::FinishedSignIn sign_in{Secret("secret-state"),
                                       {.grant_id = "grant-1",
                                        .id_token_claims = Secret("{\"sub\":\"secret\"}"),
                                        .front_channel_access_token = Secret("secret-token")}};
  ASSERT_OK(Open()->Put("a", Answer("grant-1"), &sign_in));
  const auto found = Open()->Load();
  ASSERT_THAT(found, SizeIs(1));
  ASSERT_TRUE(found[0].sign_in);
  EXPECT_EQ(found[0].sign_in->state, sign_in.state);
  EXPECT_EQ(found[0].sign_in->outcome.grant_id, "grant-1");
  EXPECT_EQ(found[0].sign_in->outcome.id_token_claims, sign_in.outcome.id_token_claims);
  EXPECT_EQ(found[0].sign_in->outcome.front_channel_access_token,
            sign_in.outcome.front_channel_access_token);
  EXPECT_THAT(Content("a.answer"), Not(HasSubstr("secret")));
}

TEST_F(DiskSpoolTest, ReplacesAndDrops) {
  const auto spool = Open();
  ASSERT_OK(spool->Put("a", Answer("grant-1"), nullptr));
  ASSERT_OK(spool->Put("a", Answer("grant-2"), nullptr));
  ASSERT_THAT(spool->Load(), SizeIs(1));
  EXPECT_EQ(spool->Load()[0].commit.grant.id, "grant-2");
  spool->Drop("a");
  spool->Drop("a");
  EXPECT_THAT(spool->Load(), IsEmpty());
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(DiskSpoolTest, TellsHowMuchWaitsAndForHowLong) {
  const auto spool = Open();
  EXPECT_EQ(spool->depth().waiting, 0U);
  EXPECT_EQ(spool->depth().oldest, absl::InfiniteFuture());
  const absl::Time before = absl::Now();
  ASSERT_OK(spool->Put("a", Answer("grant-1"), nullptr));
  const absl::Time between = absl::Now();
  ASSERT_OK(spool->Put("b", Answer("grant-2"), nullptr));
  ASSERT_OK(spool->Put("a", Answer("grant-1"), nullptr));  // still waits since the first time
  EXPECT_EQ(spool->depth().waiting, 2U);
  EXPECT_GE(spool->depth().oldest, before);
  EXPECT_LE(spool->depth().oldest, between);
  spool->Drop("a");
  EXPECT_EQ(spool->depth().waiting, 1U);
  EXPECT_GE(spool->depth().oldest, between);
  spool->SetAside("b", Error(Reason::kGrantUnknown));
  EXPECT_EQ(spool->depth().waiting, 0U);
  EXPECT_EQ(spool->depth().set_aside, 1U);
}

TEST_F(DiskSpoolTest, TellsSinceWhenAnswersOfAFormerProcessWait) {
  ASSERT_OK(Open()->Put("a", Answer("grant-1"), nullptr));
  const absl::Time loaded_after = absl::Now();
  const auto spool = Open();
  ASSERT_THAT(spool->Load(), SizeIs(1));
  EXPECT_EQ(spool->depth().waiting, 1U);
  EXPECT_LE(spool->depth().oldest, loaded_after);
}

TEST_F(DiskSpoolTest, ShowsNothingToOthers) {
  const auto spool = Open();
  ASSERT_OK(spool->Put("a", Answer("grant-1"), nullptr));
  EXPECT_THAT(Content("a.answer"), Not(HasSubstr("secret")));
  EXPECT_THAT(lines_.text, Not(HasSubstr("secret")));
  struct stat folder = {};
  struct stat file = {};
  ASSERT_EQ(stat(folder_.c_str(), &folder), 0);
  ASSERT_EQ(stat((folder_ + "/a.answer").c_str(), &file), 0);
  EXPECT_EQ(folder.st_mode & 0777u, 0700u);
  EXPECT_EQ(file.st_mode & 0777u, 0600u);
}

TEST_F(DiskSpoolTest, SetsAsideWhatDoesNotOpenAndTriesItAgain) {
  ASSERT_OK(Open()->Put("a", Answer("grant-1"), nullptr));
  const KeyRing other = RingOf("two");
  EXPECT_THAT(Open(other)->Load(), IsEmpty());
  EXPECT_THAT(Files(), ElementsAre("a.set-aside"));
  EXPECT_THAT(lines_.text, HasSubstr("key_unknown"));
  EXPECT_THAT(Open()->Load(), SizeIs(1)) << "the key is back";
  EXPECT_THAT(Files(), ElementsAre("a.answer"));
}

// Each is a process that has the folder until the end of the scope.
class SharedDiskSpool : public DiskSpoolTest {
 protected:
  std::unique_ptr<DiskSpool> OpenShared() {
    auto spool = DiskSpool::OpenShared(folder_, ring_, log_);
    EXPECT_OK(spool);
    return spool.ok() ? *std::move(spool) : nullptr;
  }
  std::size_t FilesIn(const std::string& name) const {
    const auto files = std::filesystem::directory_iterator(folder_ + "/" + name);
    return static_cast<std::size_t>(std::distance(begin(files), end(files))) - 1;  // its lock
  }
};

TEST_F(SharedDiskSpool, GivesEachProcessAFolderOfItsOwn) {
  const auto one = OpenShared();
  const auto other = OpenShared();
  ASSERT_OK(one->Put("a", Answer("grant-1"), nullptr));
  ASSERT_OK(other->Put("a", Answer("grant-2"), nullptr));
  EXPECT_EQ(one->Load()[0].commit.grant.id, "grant-1");
  EXPECT_EQ(other->Load()[0].commit.grant.id, "grant-2");
}

TEST_F(SharedDiskSpool, TakesWhatProcessesThatAreGoneHaveLeft) {
  {
    const auto first = OpenShared();
    const auto second = OpenShared();
    const auto third = OpenShared();
    ASSERT_OK(first->Put("a", Answer("grant-1"), nullptr));
    ASSERT_OK(second->Put("b", Answer("grant-2"), nullptr));
    ASSERT_OK(third->Put("c", Answer("grant-3"), nullptr));
  }
  EXPECT_THAT(OpenShared()->Load(), SizeIs(3));
  EXPECT_EQ(FilesIn("0"), 3u);
  EXPECT_EQ(FilesIn("1"), 0u);
  EXPECT_EQ(FilesIn("2"), 0u);
  EXPECT_THAT(lines_.text, HasSubstr("took over"));
}

TEST_F(SharedDiskSpool, LeavesTheOthersWhatTheyHave) {
  auto gone = OpenShared();
  const auto running = OpenShared();
  ASSERT_OK(gone->Put("a", Answer("grant-1"), nullptr));
  ASSERT_OK(running->Put("b", Answer("grant-2"), nullptr));
  gone.reset();
  const auto next = OpenShared();
  EXPECT_THAT(next->Load(), SizeIs(1));
  EXPECT_THAT(running->Load(), SizeIs(1));
}

TEST_F(SharedDiskSpool, TakesWhatWasWrittenBeforeItWasShared) {
  ASSERT_OK(Open()->Put("a", Answer("grant-1"), nullptr));
  EXPECT_THAT(OpenShared()->Load(), SizeIs(1));
}

struct Damage {
  std::string name;
  std::string (*spoil)(const std::string& whole);
};
class DamagedAnswer : public DiskSpoolTest, public ::testing::WithParamInterface<Damage> {};

TEST_P(DamagedAnswer, IsSetAsideAndNeverDeleted) {
  ASSERT_OK(Open()->Put("a", Answer("grant-1"), nullptr));
  Overwrite("a.answer", GetParam().spoil(Content("a.answer")));
  EXPECT_THAT(Open()->Load(), IsEmpty());
  EXPECT_THAT(Open()->Load(), IsEmpty());
  EXPECT_THAT(Files(), ElementsAre("a.set-aside"));
}

INSTANTIATE_TEST_SUITE_P(
    Disk, DamagedAnswer,
    ::testing::Values(Damage{"Empty", [](const std::string&) { return std::string(); }},
                      Damage{"Short", [](const std::string& s) { return s.substr(0, 40); }},
                      Damage{"Long", [](const std::string& s) { return s + "x"; }},
                      Damage{"Flipped",
                             [](std::string const& s) {
                               std::string bad = s;
                               bad[bad.size() / 2] = static_cast<char>(bad[bad.size() / 2] ^ 1);
                               return bad;
                             }}),
    [](const auto& row) { return row.param.name; });

TEST_F(DiskSpoolTest, BindsAnAnswerToItsName) {
  ASSERT_OK(Open()->Put("a", Answer("grant-1"), nullptr));
  std::filesystem::rename(folder_ + "/a.answer", folder_ + "/b.answer");
  EXPECT_THAT(Open()->Load(), IsEmpty());
}

// The machine stopped while it was being written: whole or not, it is looked at.
TEST_F(DiskSpoolTest, LooksAtDrafts) {
  ASSERT_OK(Open()->Put("a", Answer("grant-1"), nullptr));
  std::filesystem::rename(folder_ + "/a.answer", folder_ + "/a.answer.new");
  Overwrite("b.answer.new", "half of");
  EXPECT_THAT(Open()->Load(), SizeIs(1));
  EXPECT_THAT(Files(), ElementsAre("a.answer", "b.set-aside"));
}

TEST_F(DiskSpoolTest, BelongsToOneProcess) {
  auto first = Open();
  const auto second = DiskSpool::Open(folder_, ring_, log_);
  EXPECT_THAT(second, testing::FailsWith(Reason::kInternal));
  first.reset();
  EXPECT_OK(DiskSpool::Open(folder_, ring_, log_));
}

TEST_F(DiskSpoolTest, SaysWhereItCannotBe) {
  const std::string file = temp_.Write("file", "");
  const auto spool = DiskSpool::Open(file + "/spool", ring_, log_);
  ASSERT_FALSE(spool.ok());
  EXPECT_THAT(std::string(spool.status().message()), HasSubstr("refresh.spool.directory"));
}

}  // namespace
}  // namespace tokenbroker::storage
