#include "config/faults.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/ascii.h"

namespace tokenbroker::config {
namespace {

constexpr std::size_t kMaxReported = 100;

}  // namespace

std::string FieldPath(const std::string& path, std::string_view field) {
  std::string result = path;
  if (!result.empty()) result += '.';
  return result.append(field);
}

std::string ElementPath(const std::string& path, std::size_t index) {
  return path + "[" + std::to_string(index) + "]";
}

void Locations::Record(const std::string& path, Position position) {
  positions_.insert_or_assign(path, position);
}

Position Locations::Of(std::string path) const {
  while (!path.empty()) {
    if (const auto found = positions_.find(path); found != positions_.end()) return found->second;
    const auto end = path.find_last_of(".[");
    path.resize(end == std::string::npos ? 0 : end);
  }
  return {};
}

void Faults::Add(const std::string& path, std::string_view message) {
  AddAt(locations_.Of(path), path, message);
}

void Faults::AddBecauseOf(const std::string& cause, const std::string& path,
                          std::string_view message) {
  AddAt(locations_.Of(cause), path, message);
}

void Faults::AddAt(Position position, const std::string& path, std::string_view message) {
  paths_.insert(path);
  std::string text = path;
  if (!path.empty()) text += ": ";
  faults_.push_back({position, text.append(message)});
}

absl::Status Faults::ToStatus(std::string_view name) const {
  if (faults_.empty()) return absl::OkStatus();
  // Those of one place in the order in which they were found, which is that of their addresses.
  std::vector<const Fault*> sorted;
  for (const Fault& fault : faults_) sorted.push_back(&fault);
  std::ranges::sort(sorted, [](const Fault* a, const Fault* b) {
    return std::tie(a->position.line, a->position.column, a) <
           std::tie(b->position.line, b->position.column, b);
  });
  std::string text;
  for (std::size_t i = 0; i < std::min(sorted.size(), kMaxReported); ++i) {
    const auto& [position, fault] = *sorted[i];
    if (i > 0) text += '\n';
    text.append(name).append(":").append(std::to_string(position.line)).append(":");
    text.append(std::to_string(position.column)).append(": ").append(fault);
  }
  if (sorted.size() > kMaxReported) {
    text += "\nand " + std::to_string(sorted.size() - kMaxReported) + " more";
  }
  return absl::InvalidArgumentError(text);
}

std::string FaultText(const absl::Status& status) {
  std::string text(status.message());
  if (!text.empty()) text[0] = absl::ascii_tolower(static_cast<unsigned char>(text[0]));
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace tokenbroker::config
