#include "base/json.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace tokenbroker {
namespace {

// Builds the document, and stops at the first thing that ParseJsonObject promises to refuse: of two
// equal names nlohmann's own keeps the last without a word.
class StrictBuilder final : public nlohmann::json_sax<Json> {
 public:
  explicit StrictBuilder(std::size_t max_depth) : max_depth_(max_depth) {}

  const char* fault() const { return fault_; }
  Json Take() { return std::move(document_); }

  bool null() override { return Add(nullptr); }
  bool boolean(bool value) override { return Add(value); }
  bool number_integer(number_integer_t value) override { return Add(value); }
  bool number_unsigned(number_unsigned_t value) override { return Add(value); }
  bool number_float(number_float_t value, const string_t&) override { return Add(value); }
  bool string(string_t& value) override { return Add(std::move(value)); }
  bool binary(binary_t&) override { return Refuse("binary value"); }
  bool start_object(std::size_t) override {
    if (open_.size() >= max_depth_) return Refuse("nested too deeply");
    if (open_.empty()) {
      document_ = Json::object();
      open_.push_back(&document_);
    } else {
      open_.push_back(Place(Json::object()));
    }
    return true;
  }
  bool key(string_t& name) override {
    auto [member, is_new] =
        open_.back()->get_ref<Json::object_t&>().emplace(std::move(name), nullptr);
    member_ = &member->second;
    return is_new || Refuse("a member name is given twice");
  }
  bool end_object() override {
    open_.pop_back();
    return true;
  }
  bool start_array(std::size_t) override {
    if (open_.empty()) return Refuse("not a JSON object");
    if (open_.size() >= max_depth_) return Refuse("nested too deeply");
    open_.push_back(Place(Json::array()));
    return true;
  }
  bool end_array() override {
    open_.pop_back();
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return Refuse("not valid JSON");
  }

 private:
  bool Add(Json value) {
    if (open_.empty()) return Refuse("not a JSON object");
    Place(std::move(value));
    return true;
  }
  // Into what is open; a member's name has been given. What is returned stays where it is as long
  // as it is open.
  Json* Place(Json value) {
    Json& in = *open_.back();
    if (in.is_array()) {
      in.push_back(std::move(value));
      return &in.back();
    }
    *member_ = std::move(value);
    return member_;
  }
  bool Refuse(const char* fault) {
    fault_ = fault;
    return false;
  }

  const std::size_t max_depth_;
  const char* fault_ = "not valid JSON";
  Json document_;
  std::vector<Json*> open_;  // from the outermost
  Json* member_ = nullptr;   // of the innermost, where that is an object
};

}  // namespace

absl::StatusOr<Json> ParseJsonObject(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) return absl::InvalidArgumentError("JSON is too large");
  if (text.substr(0, 3) == "\xEF\xBB\xBF") {
    return absl::InvalidArgumentError("JSON begins with a byte-order mark");
  }
  // Where one stands between tokens the library takes it for the end, whatever follows.
  if (text.find('\0') != text.npos) return absl::InvalidArgumentError("JSON holds a NUL");
  StrictBuilder builder(limits.max_depth);
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
    return absl::InvalidArgumentError(builder.fault());
  }
  return builder.Take();
}

}  // namespace tokenbroker
