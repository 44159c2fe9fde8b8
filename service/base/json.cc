#include "base/json.h"

#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace tokenbroker {
namespace {

// Builds nothing; stops at the first thing that ParseJsonObject promises to refuse. Run before the
// real parse, because nlohmann's DOM keeps the last of two equal names without a word.
class StrictnessCheck final : public nlohmann::json_sax<Json> {
 public:
  explicit StrictnessCheck(std::size_t max_depth) : max_depth_(max_depth) {}

  const char* fault() const { return fault_; }

  bool null() override { return Value(); }
  bool boolean(bool) override { return Value(); }
  bool number_integer(number_integer_t) override { return Value(); }
  bool number_unsigned(number_unsigned_t) override { return Value(); }
  bool number_float(number_float_t, const string_t&) override { return Value(); }
  bool string(string_t&) override { return Value(); }
  bool binary(binary_t&) override { return Refuse("binary value"); }
  bool start_object(std::size_t) override {
    if (names_.size() >= max_depth_) return Refuse("nested too deeply");
    names_.emplace_back();
    return true;
  }
  bool key(string_t& name) override {
    return names_.back().insert(name).second || Refuse("a member name is given twice");
  }
  bool end_object() override {
    names_.pop_back();
    return true;
  }
  bool start_array(std::size_t) override {
    if (names_.empty()) return Refuse("not a JSON object");
    if (names_.size() >= max_depth_) return Refuse("nested too deeply");
    names_.emplace_back();
    return true;
  }
  bool end_array() override {
    names_.pop_back();
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return Refuse("not valid JSON");
  }

 private:
  bool Value() { return !names_.empty() || Refuse("not a JSON object"); }
  bool Refuse(const char* fault) {
    fault_ = fault;
    return false;
  }

  const std::size_t max_depth_;
  const char* fault_ = "not valid JSON";
  std::vector<std::unordered_set<std::string>> names_;
};

}  // namespace

absl::StatusOr<Json> ParseJsonObject(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) return absl::InvalidArgumentError("JSON is too large");
  if (text.substr(0, 3) == "\xEF\xBB\xBF") {
    return absl::InvalidArgumentError("JSON begins with a byte-order mark");
  }
  // Where one stands between tokens the library takes it for the end, whatever follows.
  if (text.find('\0') != text.npos) return absl::InvalidArgumentError("JSON holds a NUL");
  StrictnessCheck check(limits.max_depth);
  if (!Json::sax_parse(text.begin(), text.end(), &check)) {
    return absl::InvalidArgumentError(check.fault());
  }
  Json parsed = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) return absl::InvalidArgumentError("not a JSON object");
  return parsed;
}

}  // namespace tokenbroker
