#include "config/yaml_document.h"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <sstream>

#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/parser.h"

namespace tokenbroker::config {
namespace {

constexpr std::size_t kMaxNodes = 100'000;

Position PositionOf(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

// Leaves yaml-cpp by the only way there is out of its callbacks; caught below.
struct Refused {
  YamlFault fault;
};

[[noreturn]] void Refuse(const YAML::Mark& mark, std::string message) {
  throw Refused{{PositionOf(mark), std::move(message)}};
}

class TreeBuilder final : public YAML::EventHandler {
 public:
  YamlNodePtr root() const { return root_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Complete(Make(YamlNode::Kind::kNull, mark), anchor, mark);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    // yaml-cpp marks a plain scalar with "?" and a quoted one with "!".
    if (tag != "?" && tag != "!" && !tag.empty()) Refuse(mark, "tags are not supported; remove it");
    auto node = Make(YamlNode::Kind::kScalar, mark);
    node->text = value;
    node->quoted = tag == "!";
    Complete(std::move(node), anchor, mark);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) Refuse(mark, "an alias may not stand inside what it names");
    Attach(found->second, mark);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kList, mark, tag, anchor);
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kMap, mark, tag, anchor);
  }
  void OnMapEnd() override { Close(); }

 private:
  struct OpenNode {
    std::shared_ptr<YamlNode> node;
    YAML::anchor_t anchor;
    YAML::Mark mark;
    YamlNodePtr key;  // of a map, while its value is awaited
  };

  static std::shared_ptr<YamlNode> Make(YamlNode::Kind kind, const YAML::Mark& mark) {
    auto node = std::make_shared<YamlNode>();
    node->kind = kind;
    node->position = PositionOf(mark);
    return node;
  }

  void Open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
            YAML::anchor_t anchor) {
    if (tag != "?" && tag != "!" && !tag.empty()) Refuse(mark, "tags are not supported; remove it");
    open_.push_back({Make(kind, mark), anchor, mark, nullptr});
  }

  void Close() {
    OpenNode closed = std::move(open_.back());
    open_.pop_back();
    Complete(std::move(closed.node), closed.anchor, closed.mark);
  }

  void Complete(std::shared_ptr<YamlNode> node, YAML::anchor_t anchor, const YAML::Mark& mark) {
    if (anchor != YAML::NullAnchor) anchors_.emplace(anchor, node);
    Attach(std::move(node), mark);
  }

  void Attach(YamlNodePtr node, const YAML::Mark& mark) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    OpenNode& parent = open_.back();
    parent.node->size += node->size;
    if (parent.node->size > kMaxNodes) {
      Refuse(mark, "is too large: more than 100000 values, aliases followed");
    }
    if (parent.node->kind == YamlNode::Kind::kList) {
      parent.node->elements.push_back(std::move(node));
    } else if (parent.key == nullptr) {
      parent.key = std::move(node);
    } else {
      parent.node->entries.emplace_back(std::exchange(parent.key, nullptr), std::move(node));
    }
  }

  YamlNodePtr root_ = std::make_shared<YamlNode>();
  std::vector<OpenNode> open_;
  std::map<YAML::anchor_t, YamlNodePtr> anchors_;
};

// yaml-cpp does not say where an end is missing, and is vague about tabs.
YamlFault Describe(const YAML::Exception& error, std::string_view text) {
  YamlFault fault{PositionOf(error.mark), "is not valid YAML: " + error.msg};
  if (error.mark.is_null() || error.msg.starts_with("end of ")) {
    fault.position = {static_cast<int>(std::count(text.begin(), text.end(), '\n')) + 1, 1};
  }
  std::string_view line = text;
  for (int i = 1; i < fault.position.line; ++i) line.remove_prefix(line.find('\n') + 1);
  const auto indent = line.substr(0, line.find_first_not_of(" \t"));
  if (indent.find('\t') != std::string_view::npos)
    fault.message += "; indent with spaces, not tabs";
  return fault;
}

// Whether `text` is UTF-8 with no overlong form and no surrogate (RFC 3629).
bool IsUtf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<std::uint8_t>(text[i++]);
    const int more = lead < 0x80 ? 0 : (lead >> 5) == 6 ? 1 : (lead >> 4) == 14 ? 2 : 3;
    if (more == 3 && (lead >> 3) != 30) return false;
    std::uint32_t code = more == 0 ? lead : lead & (0x3Fu >> more);
    for (int k = 0; k < more; ++k, ++i) {
      if (i >= text.size() || (static_cast<std::uint8_t>(text[i]) >> 6) != 2) return false;
      code = (code << 6) | (static_cast<std::uint8_t>(text[i]) & 0x3Fu);
    }
    constexpr std::uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
    if (code < kLeast[more] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return false;
  }
  return true;
}

// Sees that nothing follows the first document.
class NothingMore final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    Refuse(mark, "only one YAML document is read; remove the second one");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

}  // namespace

std::pair<YamlNodePtr, std::optional<YamlFault>> ParseYaml(std::string_view text) {
  if (!IsUtf8(text) || text.find('\0') != std::string_view::npos) {
    return {nullptr, YamlFault{{}, "is not text in UTF-8"}};
  }
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    TreeBuilder builder;
    if (parser.HandleNextDocument(builder)) {
      NothingMore nothing_more;
      parser.HandleNextDocument(nothing_more);
    }
    return {builder.root(), std::nullopt};
  } catch (const Refused& refused) {
    return {nullptr, refused.fault};
  } catch (const YAML::Exception& error) {
    return {nullptr, Describe(error, text)};
  } catch (const std::exception&) {
    return {nullptr, YamlFault{{}, "is not valid YAML"}};
  }
}

}  // namespace tokenbroker::config
