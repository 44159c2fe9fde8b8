// YAML as a tree in which every node knows its place, duplicate keys are still there, and no alias
// can make the tree larger than it looks.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/faults.h"

namespace tokenbroker::config {

struct YamlNode;
using YamlNodePtr = std::shared_ptr<const YamlNode>;

struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  Position position;
  std::string text;     // of a scalar; valid UTF-8
  bool quoted = false;  // a scalar in quotes or in block style is always text
  std::vector<YamlNodePtr> elements;
  std::vector<std::pair<YamlNodePtr, YamlNodePtr>> entries;  // of a map, in the order of the text
  std::size_t size = 1;                                      // nodes in it, aliases followed
};

struct YamlFault {
  Position position;
  std::string message;
};

// The one document of `text`, or what is wrong with it; a null node for an empty text.
//
// Refused besides what is no YAML: more than one document, tags, an alias inside what it names, and
// more than 100,000 nodes once aliases are followed. Throws nothing.
std::pair<YamlNodePtr, std::optional<YamlFault>> ParseYaml(std::string_view text);

}  // namespace tokenbroker::config
