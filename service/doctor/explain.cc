#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "doctor/examinations.h"

namespace tokenbroker::doctor {

std::string Explain(const absl::Status& status) {
  std::string text(status.message());
  for (const auto& [name, value] : MetadataOf(status)) {
    // The finding names it already.
    if (name != "provider") absl::StrAppend(&text, " ", name, "=", value);
  }
  return text;
}

}  // namespace tokenbroker::doctor
