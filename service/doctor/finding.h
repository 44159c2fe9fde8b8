// What an examination finds, and what to do about it.
#pragma once

#include <string>
#include <vector>

namespace tokenbroker::doctor {

enum class Verdict {
  kGood,
  kWarning,  // it works, and something is at risk
  kFault,    // something does not work, or will not when the broker is started
};

// One thing that was looked at. Nothing secret is in it.
struct Finding {
  Verdict verdict = Verdict::kGood;
  std::string area;     // config, certificates, store, provider or clock
  std::string subject;  // which: a field with its file, an address, the name of a provider
  std::string found;
  std::string remedy = {};  // what to do; empty where nothing is to be done
};

using Findings = std::vector<Finding>;

}  // namespace tokenbroker::doctor
