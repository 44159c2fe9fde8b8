// Writes the reference of the configuration from the comments and rules of config.proto.
//
//   config_reference PROTO_DIR                 prints it
//   config_reference PROTO_DIR --write FILE    puts it into FILE, below the marker line
//   config_reference PROTO_DIR --check FILE    exits with 1 unless it is in FILE already
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "config/decoder.h"
#include "google/protobuf/compiler/importer.h"
#include "google/protobuf/descriptor.h"
#include "tokenbroker/config/v1/options.pb.h"

namespace tokenbroker::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::SourceLocation;

constexpr std::string_view kMarker =
    "<!-- Generated from proto/tokenbroker/config/v1/config.proto by config_reference. -->";
constexpr std::string_view kFile = "tokenbroker/config/v1/config.proto";

// The comment above something, as one paragraph.
template <typename D>
std::string CommentOf(const D& descriptor) {
  SourceLocation location;
  if (!descriptor.GetSourceLocation(&location)) return "";
  std::istringstream lines(location.leading_comments);
  std::string text;
  for (std::string word; lines >> word;) text.append(text.empty() ? "" : " ").append(word);
  return text;
}

std::string Anchor(std::string_view name) {
  std::string anchor(name);
  for (char& c : anchor) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return anchor;
}

std::string Link(std::string_view name) {
  return "[" + std::string(name) + "](#" + Anchor(name) + ")";
}

std::string Code(std::string_view text) { return "`" + std::string(text) + "`"; }

v1::FieldRules RulesOf(const FieldDescriptor& field) {
  // The importer has a description of the option of its own; the bytes are the same.
  google::protobuf::FieldOptions options;
  options.ParseFromString(field.options().SerializeAsString());
  return options.GetExtension(v1::field);
}

std::string FormatName(v1::Format format) {
  switch (format) {
    case v1::FORMAT_NAME:
      return "name";
    case v1::FORMAT_FILE:
      return "file";
    case v1::FORMAT_SIZE:
      return "size";
    case v1::FORMAT_SCOPE:
      return "scope";
    case v1::FORMAT_HTTPS_URL:
      return "https URL";
    case v1::FORMAT_URI:
      return "URI";
    case v1::FORMAT_ADDRESS:
      return "address";
    case v1::FORMAT_ADDRESS_BLOCK:
      return "address block";
    default:
      return "";
  }
}

std::string SingleTypeOf(const FieldDescriptor& field) {
  if (const std::string format = FormatName(RulesOf(field).format()); !format.empty()) {
    return format;
  }
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return field.message_type()->full_name() == "google.protobuf.Duration"
                 ? "duration"
                 : Link(field.message_type()->name());
    case FieldDescriptor::CPPTYPE_ENUM:
      return Link(field.enum_type()->name());
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_STRING:
      return "text";
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return "number";
    default:
      return "whole number";
  }
}

std::string TypeOf(const FieldDescriptor& field) {
  if (field.is_map()) return "mapping of text to text";
  const std::string type = SingleTypeOf(field);
  return field.is_repeated() ? "list of " + type : type;
}

std::string RangeOf(const v1::FieldRules& rules) {
  if (!rules.minimum().empty() && !rules.maximum().empty()) {
    return Code(rules.minimum()) + " to " + Code(rules.maximum());
  }
  if (!rules.minimum().empty()) return Code(rules.minimum()) + " or more";
  if (!rules.maximum().empty()) return "up to " + Code(rules.maximum());
  return "";
}

// What holds where the field is left out.
std::string PresenceOf(const FieldDescriptor& field, const v1::FieldRules& rules) {
  if (rules.required()) return "required";
  if (const auto* choice = field.real_containing_oneof(); choice != nullptr) {
    return choice->field_count() > 1 ? "one of these" : "required";
  }
  // An empty mapping as a default says no more than that its own fields have theirs.
  if (rules.default_value().empty() || rules.default_value() == "{}") return "";
  return "default " + Code(rules.default_value());
}

void WriteField(const FieldDescriptor& field, std::ostream& out) {
  const v1::FieldRules rules = RulesOf(field);
  out << "- **" << Code(field.name()) << "** (" << TypeOf(field);
  for (const std::string& fact : {PresenceOf(field, rules), RangeOf(rules)}) {
    if (!fact.empty()) out << "; " << fact;
  }
  out << "): " << CommentOf(field);
  if (!rules.example().empty()) {
    out << " Example: " << Code(field.name() + ": " + rules.example());
  }
  out << "\n";
}

bool IsFirstOfChoice(const FieldDescriptor& field) {
  const auto* choice = field.real_containing_oneof();
  return choice != nullptr && choice->field(0) == &field && choice->field_count() > 1;
}

void WriteMessage(const Descriptor& message, std::ostream& out) {
  out << "\n### " << message.name() << "\n\n" << CommentOf(message) << "\n";
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    if (IsFirstOfChoice(field)) out << "\n" << CommentOf(*field.real_containing_oneof()) << "\n";
    if (i == 0 || IsFirstOfChoice(field)) out << "\n";
    WriteField(field, out);
  }
}

void WriteEnum(const EnumDescriptor& description, std::ostream& out) {
  out << "\n### " << description.name() << "\n\n" << CommentOf(description) << "\n\n";
  for (int i = 0; i < description.value_count(); ++i) {
    if (description.value(i)->number() == 0) continue;
    out << "- **" << Code(ShortName(*description.value(i)))
        << "**: " << CommentOf(*description.value(i)) << "\n";
  }
}

// `message` and all that can stand in it, in the order in which a reader comes upon them.
void WriteAll(const Descriptor& message, std::set<std::string>& written, std::ostream& out) {
  if (!written.insert(message.full_name()).second) return;
  WriteMessage(message, out);
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    if (field.is_map()) continue;
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
        field.message_type()->file() == message.file()) {
      WriteAll(*field.message_type(), written, out);
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM &&
               written.insert(field.enum_type()->full_name()).second) {
      WriteEnum(*field.enum_type(), out);
    }
  }
}

class PrintErrors final : public google::protobuf::compiler::MultiFileErrorCollector {
 public:
  void AddError(const std::string& file, int line, int column,
                const std::string& message) override {
    std::cerr << file << ":" << line + 1 << ":" << column + 1 << ": " << message << "\n";
  }
};

std::string Reference(const std::string& proto_dir) {
  google::protobuf::compiler::DiskSourceTree sources;
  sources.MapPath("", proto_dir);
  sources.MapPath("", PROTOBUF_INCLUDE_DIR);
  PrintErrors errors;
  google::protobuf::compiler::Importer importer(&sources, &errors);
  const FileDescriptor* file = importer.Import(std::string(kFile));
  if (file == nullptr) return "";
  std::ostringstream out;
  std::set<std::string> written;
  WriteAll(*file->FindMessageTypeByName("Config"), written, out);
  return out.str();
}

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// `document` with everything below the marker replaced by `reference`.
std::string WithReference(const std::string& document, const std::string& reference) {
  const auto marker = document.find(kMarker);
  return document.substr(0, marker) + std::string(kMarker) + "\n" + reference;
}

int Run(const std::vector<std::string>& arguments) {
  const bool prints = arguments.size() == 1;
  if (!prints &&
      (arguments.size() != 3 || (arguments[1] != "--write" && arguments[1] != "--check"))) {
    std::cerr << "usage: config_reference PROTO_DIR [--write FILE | --check FILE]\n";
    return 2;
  }
  const std::string reference = Reference(arguments[0]);
  if (reference.empty()) return 1;
  if (prints) {
    std::cout << reference;
    return 0;
  }
  const std::string& path = arguments[2];
  const std::string before = ReadText(path);
  const std::string after = WithReference(before, reference);
  if (arguments[1] == "--write") {
    std::ofstream(path, std::ios::binary) << after;
    return 0;
  }
  if (before == after) return 0;
  std::cerr << path << " is not what config.proto says; run: config_reference " << arguments[0]
            << " --write " << path << "\n";
  return 1;
}

}  // namespace
}  // namespace tokenbroker::config

int main(int argc, char** argv) {
  return tokenbroker::config::Run(std::vector<std::string>(argv + 1, argv + argc));
}
