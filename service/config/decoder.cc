#include "config/decoder.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "config/formats.h"
#include "config/scalars.h"
#include "google/protobuf/duration.pb.h"
#include "tokenbroker/config/v1/options.pb.h"

namespace tokenbroker::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;

constexpr std::size_t kMaxTextBytes = 16 * 1024;

const v1::FieldRules& RulesOf(const FieldDescriptor& field) {
  return field.options().GetExtension(v1::field);
}

std::vector<std::string_view> FieldNames(const Descriptor& description) {
  std::vector<std::string_view> names;
  for (int i = 0; i < description.field_count(); ++i) names.push_back(description.field(i)->name());
  return names;
}

std::string Joined(const std::vector<std::string_view>& words) {
  if (words.empty()) return "none";
  std::string text;
  for (const std::string_view word : words) text.append(text.empty() ? "" : ", ").append(word);
  return text;
}

bool IsPlain(const YamlNode& node) { return node.kind == YamlNode::Kind::kScalar && !node.quoted; }

// "from 1 to 256", "of at least 1", or nothing.
std::string Range(const v1::FieldRules& rules) {
  if (!rules.minimum().empty() && !rules.maximum().empty()) {
    return " from " + rules.minimum() + " to " + rules.maximum();
  }
  if (!rules.minimum().empty()) return " of at least " + rules.minimum();
  if (!rules.maximum().empty()) return " of at most " + rules.maximum();
  return "";
}

template <typename T>
bool InRange(T value, const v1::FieldRules& rules, std::optional<T> (*parse)(std::string_view)) {
  if (!rules.minimum().empty() && value < *parse(rules.minimum())) return false;
  return rules.maximum().empty() || value <= *parse(rules.maximum());
}

std::optional<std::uint64_t> ParseWholeNumber(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<double> ParseNumber(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) {
    return std::nullopt;
  }
  return number;
}

const EnumValueDescriptor* FindShortName(const EnumDescriptor& description, std::string_view name) {
  for (int i = 0; i < description.value_count(); ++i) {
    const EnumValueDescriptor* value = description.value(i);
    if (value->number() != 0 && ShortName(*value) == name) return value;
  }
  return nullptr;
}

void SetNumber(Message& message, const FieldDescriptor& field, std::uint64_t number) {
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_UINT32) {
    message.GetReflection()->SetUInt32(&message, &field, static_cast<std::uint32_t>(number));
  } else {
    message.GetReflection()->SetUInt64(&message, &field, number);
  }
}

}  // namespace

std::string ShortName(const EnumValueDescriptor& value) {
  // The prefix is the type's name in UPPER_SNAKE_CASE.
  std::string prefix;
  for (const char c : value.type()->name()) {
    if (c >= 'A' && c <= 'Z' && !prefix.empty()) prefix += '_';
    prefix += (c >= 'a' && c <= 'z') ? static_cast<char>(c - 'a' + 'A') : c;
  }
  std::string name = value.name().substr(prefix.size() + 1);
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return name;
}

std::string ShortNames(const EnumDescriptor& description) {
  std::string names;
  for (int i = 0; i < description.value_count(); ++i) {
    if (description.value(i)->number() == 0) continue;
    if (!names.empty()) names += ", ";
    names += ShortName(*description.value(i));
  }
  return names;
}

void Decoder::DecodeMessage(const YamlNode& node, const std::string& path, Message& message) {
  const Descriptor& description = *message.GetDescriptor();
  const auto names = FieldNames(description);
  if (node.kind == YamlNode::Kind::kNull) return;
  if (node.kind != YamlNode::Kind::kMap) {
    faults_.AddAt(node.position, path,
                  names.empty() ? "has no settings: write {}"
                                : "must be a mapping with fields out of: " + Joined(names));
    return;
  }
  std::set<std::string> seen;
  std::map<const OneofDescriptor*, std::string> chosen;
  for (const auto& [key, value] : node.entries) {
    if (key->kind != YamlNode::Kind::kScalar) {
      faults_.AddAt(key->position, path, "the name of a field must be plain text");
      continue;
    }
    const std::string child = FieldPath(path, key->text);
    const FieldDescriptor* field = description.FindFieldByName(key->text);
    if (field == nullptr) {
      const auto nearest = NearestWord(key->text, names);
      faults_.AddAt(key->position, child,
                    nearest ? "there is no such field; did you mean \"" + *nearest + "\"?"
                            : "there is no such field; the fields are: " + Joined(names));
      continue;
    }
    if (!seen.insert(key->text).second) {
      faults_.AddAt(key->position, child, "is given twice; keep one of them");
      continue;
    }
    locations_.Record(child,
                      value->kind == YamlNode::Kind::kNull ? key->position : value->position);
    if (const OneofDescriptor* choice = field->real_containing_oneof(); choice != nullptr) {
      if (const auto [first, is_first] = chosen.emplace(choice, key->text); !is_first) {
        faults_.AddAt(key->position, child,
                      "cannot be given beside \"" + first->second + "\"; keep one of them");
        continue;
      }
    }
    DecodeField(*value, child, *field, message);
  }
}

void Decoder::DecodeField(const YamlNode& node, const std::string& path,
                          const FieldDescriptor& field, Message& message) {
  if (field.is_map()) return DecodeMap(node, path, field, message);
  if (field.is_repeated()) return DecodeList(node, path, field, message);
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    return DecodeScalar(node, path, field, message);
  }
  if (field.message_type() == google::protobuf::Duration::descriptor()) {
    return DecodeDuration(node, path, field, message);
  }
  DecodeMessage(node, path, *message.GetReflection()->MutableMessage(&message, &field));
}

void Decoder::DecodeList(const YamlNode& node, const std::string& path,
                         const FieldDescriptor& field, Message& message) {
  const bool is_null = node.kind == YamlNode::Kind::kNull;
  if (node.kind != YamlNode::Kind::kList && !is_null) {
    faults_.AddAt(node.position, path, "must be a list: [...], or lines that begin with \"- \"");
    return;
  }
  const v1::FieldRules& rules = RulesOf(field);
  if (node.elements.empty() && (rules.required() || !rules.default_value().empty())) {
    faults_.Add(path, rules.required() ? "must have an element"
                                       : "must have an element; leave it out for the default");
  }
  std::set<std::string> seen;
  for (std::size_t i = 0; i < node.elements.size(); ++i) {
    const YamlNode& element = *node.elements[i];
    const std::string child = ElementPath(path, i);
    locations_.Record(child, element.position);
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      DecodeMessage(element, child, *message.GetReflection()->AddMessage(&message, &field));
      continue;
    }
    std::string text;
    if (!DecodeText(element, child, text)) continue;
    if (const auto fault = CheckFormat(rules.format(), text)) {
      faults_.AddAt(element.position, child, *fault);
    } else if (!seen.insert(text).second) {
      faults_.AddAt(element.position, child, "is listed twice; keep one of them");
    }
    message.GetReflection()->AddString(&message, &field, text);
  }
}

void Decoder::DecodeMap(const YamlNode& node, const std::string& path, const FieldDescriptor& field,
                        Message& message) {
  if (node.kind == YamlNode::Kind::kNull) return;
  if (node.kind != YamlNode::Kind::kMap) {
    faults_.AddAt(node.position, path, "must be a mapping of text to text");
    return;
  }
  std::set<std::string> seen;
  for (const auto& [key, value] : node.entries) {
    std::string name;
    std::string text;
    if (!DecodeText(*key, path, name)) continue;
    const std::string child = FieldPath(path, name);
    if (!seen.insert(name).second) {
      faults_.AddAt(key->position, child, "is given twice; keep one of them");
      continue;
    }
    locations_.Record(child, key->position);
    if (!DecodeText(*value, child, text)) continue;
    Message* entry = message.GetReflection()->AddMessage(&message, &field);
    const Descriptor& description = *field.message_type();
    entry->GetReflection()->SetString(entry, description.map_key(), name);
    entry->GetReflection()->SetString(entry, description.map_value(), text);
  }
}

void Decoder::DecodeDuration(const YamlNode& node, const std::string& path,
                             const FieldDescriptor& field, Message& message) {
  const v1::FieldRules& rules = RulesOf(field);
  const auto duration =
      node.kind == YamlNode::Kind::kScalar ? ParseDuration(node.text) : std::nullopt;
  if (!duration || !InRange(*duration, rules, ParseDuration)) {
    faults_.AddAt(
        node.position, path,
        "must be a duration" + Range(rules) + "; write it with a unit, such as 90s or 1h30m");
    return;
  }
  auto* value = static_cast<google::protobuf::Duration*>(
      message.GetReflection()->MutableMessage(&message, &field));
  const std::int64_t milliseconds = absl::ToInt64Milliseconds(*duration);
  value->set_seconds(milliseconds / 1000);
  value->set_nanos(static_cast<std::int32_t>(milliseconds % 1000) * 1'000'000);
}

void Decoder::DecodeScalar(const YamlNode& node, const std::string& path,
                           const FieldDescriptor& field, Message& message) {
  const v1::FieldRules& rules = RulesOf(field);
  const Reflection& reflection = *message.GetReflection();
  if (node.kind == YamlNode::Kind::kNull) {
    // `Of` is the place of the key here: a null has none of its own.
    faults_.Add(path, "has no value; give it one, or remove the line");
    return;
  }
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string text;
      if (!DecodeText(node, path, text)) return;
      if (const auto fault = CheckFormat(rules.format(), text)) {
        faults_.AddAt(node.position, path, *fault);
      }
      return reflection.SetString(&message, &field, text);
    }
    case FieldDescriptor::CPPTYPE_BOOL:
      if (!IsPlain(node) || (node.text != "true" && node.text != "false")) {
        faults_.AddAt(node.position, path, "must be true or false, without quotes");
        return;
      }
      return reflection.SetBool(&message, &field, node.text == "true");
    case FieldDescriptor::CPPTYPE_ENUM: {
      const EnumValueDescriptor* value = node.kind == YamlNode::Kind::kScalar
                                             ? FindShortName(*field.enum_type(), node.text)
                                             : nullptr;
      if (value == nullptr) {
        faults_.AddAt(node.position, path, "must be one of: " + ShortNames(*field.enum_type()));
        return;
      }
      return reflection.SetEnum(&message, &field, value);
    }
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      const auto number = IsPlain(node) ? ParseNumber(node.text) : std::nullopt;
      if (!number || !InRange(*number, rules, ParseNumber)) {
        faults_.AddAt(node.position, path, "must be a number" + Range(rules));
        return;
      }
      return reflection.SetDouble(&message, &field, *number);
    }
    default: {  // the unsigned numbers
      const bool is_size = rules.format() == v1::FORMAT_SIZE;
      const auto parse = is_size ? ParseSize : ParseWholeNumber;
      const auto number = IsPlain(node) ? parse(node.text) : std::nullopt;
      if (!number || !InRange(*number, rules, parse)) {
        faults_.AddAt(node.position, path,
                      is_size ? "must be a size" + Range(rules) + "; write bytes, KiB, MiB or GiB"
                              : "must be a whole number" + Range(rules) + ", without quotes");
        return;
      }
      return SetNumber(message, field, *number);
    }
  }
}

bool Decoder::DecodeText(const YamlNode& node, const std::string& path, std::string& text) {
  if (node.kind == YamlNode::Kind::kList || node.kind == YamlNode::Kind::kMap) {
    faults_.AddAt(node.position, path,
                  node.kind == YamlNode::Kind::kList ? "must be text, not a list"
                                                     : "must be text, not a mapping");
    return false;
  }
  if (node.kind == YamlNode::Kind::kNull) {
    faults_.Add(path, "has no value; give it one, or remove the line");
    return false;
  }
  if (const auto meaning = MeaningOtherThanText(node.text); meaning && !node.quoted) {
    faults_.AddAt(
        node.position, path,
        "must be text, and YAML reads this as " + std::string(*meaning) + "; put it in quotes");
    return false;
  }
  if (node.text.empty()) {
    faults_.AddAt(node.position, path, "must not be empty");
    return false;
  }
  if (node.text.size() > kMaxTextBytes) {
    faults_.AddAt(node.position, path, "is longer than 16 KiB");
    return false;
  }
  for (const char c : node.text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      faults_.AddAt(node.position, path, "must be one line without control characters");
      return false;
    }
  }
  text = node.text;
  return true;
}

}  // namespace tokenbroker::config
