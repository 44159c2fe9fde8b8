#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/error.h"
#include "doctor/examinations.h"
#include "storage/redis/redis_grant_store.h"
#include "storage/redis/redis_settings.h"
#include "wiring/stores.h"

namespace tokenbroker::doctor {
namespace {

std::string WhereIs(const config::v1::RedisStore& redis) {
  if (redis.has_sentinel()) {
    return absl::StrCat(redis.sentinel().master_name(), " by Sentinel");
  }
  if (redis.has_cluster()) return absl::StrJoin(redis.cluster().addresses(), ",");
  return redis.address();
}

void JudgeSettings(const std::string& subject, const storage::RedisSettings& settings,
                   Findings& findings) {
  const auto add = [&](Verdict verdict, std::string found, std::string remedy = "") {
    findings.push_back({.verdict = verdict,
                        .area = "store",
                        .subject = subject,
                        .found = std::move(found),
                        .remedy = std::move(remedy)});
  };
  if (!settings.eviction) {
    add(Verdict::kWarning, "maxmemory-policy cannot be read",
        "see that it is noeviction, or allow CONFIG GET or INFO to this user");
  } else if (*settings.eviction == "noeviction") {
    add(Verdict::kGood, "maxmemory-policy noeviction");
  } else {
    add(Verdict::kFault,
        absl::StrCat("maxmemory-policy ", *settings.eviction,
                     ": an evicted grant is a lost sign-in"),
        "CONFIG SET maxmemory-policy noeviction, and in redis.conf");
  }
  if (!settings.append_only) {
    add(Verdict::kWarning, "persistence cannot be read",
        "see that appendonly is yes, or allow CONFIG GET or INFO to this user");
  } else if (*settings.append_only) {
    add(Verdict::kGood, "appendonly yes");
  } else if (settings.snapshots == "") {
    add(Verdict::kFault, "nothing is written to disk: a restart loses every grant",
        "CONFIG SET appendonly yes, and in redis.conf");
  } else {
    add(Verdict::kWarning,
        "appendonly no: a crash loses what was refreshed since the last snapshot",
        "CONFIG SET appendonly yes, and in redis.conf");
  }
}

void ExamineRedis(const config::LoadedConfig& loaded, Runtime& runtime, const Clock& clock,
                  Findings& findings) {
  const std::string subject = WhereIs(loaded.config.store().redis());
  const auto fault = [&](std::string found, std::string remedy) {
    findings.push_back({.verdict = Verdict::kFault,
                        .area = "store",
                        .subject = subject,
                        .found = std::move(found),
                        .remedy = std::move(remedy)});
  };
  auto ring = wiring::KeyRingOf(loaded);
  if (!ring.ok()) {
    fault(Explain(ring.status()), "correct encryption.keys");
    return;
  }
  const auto store = wiring::RedisStoreOf(loaded, runtime, clock, *ring);
  const absl::Time asked_at = clock.Now();
  const auto shown = RunBlocking(runtime, store->ReadClock());
  const absl::Time answered_at = clock.Now();
  if (!shown.ok()) {
    fault(absl::StrCat("cannot be asked: ", Explain(shown.status())),
          "start Redis, open the way there, or correct store.redis (address, tls, username, "
          "password)");
    return;
  }
  findings.push_back({.area = "store", .subject = subject, .found = "answers"});
  const auto settings = RunBlocking(runtime, store->ReadSettings());
  if (settings.ok()) {
    JudgeSettings(subject, *settings, findings);
  } else {
    fault(Explain(settings.status()), "see that Redis stays reachable");
  }
  const absl::Status opened = RunBlocking(runtime, store->CheckRing());
  if (!opened.ok()) {
    fault(
        absl::StrCat("was filled with other sealing keys: ", Explain(opened)),
        "put the keys back into encryption.keys that the records were sealed with, or use another "
        "Redis or store.redis.key_prefix");
  } else {
    findings.push_back(
        {.area = "store", .subject = subject, .found = "encryption.keys open what is there"});
  }
  findings.push_back(CompareClocks(absl::StrCat("Redis ", subject),
                                   asked_at + (answered_at - asked_at) / 2, *shown));
}

}  // namespace

void ExamineStore(const config::LoadedConfig& loaded, Runtime& runtime, const Clock& clock,
                  Findings& findings) {
  if (loaded.config.store().has_redis()) {
    ExamineRedis(loaded, runtime, clock, findings);
    return;
  }
  findings.push_back({.verdict = Verdict::kWarning,
                      .area = "store",
                      .subject = "memory",
                      .found = "every grant is lost when the broker stops",
                      .remedy = "configure store.redis for anything but a trial"});
}

}  // namespace tokenbroker::doctor
