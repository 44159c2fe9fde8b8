#include "config/completion.h"

#include <cstdlib>

#include "config/decoder.h"
#include "config/message_walk.h"
#include "config/yaml_document.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "tokenbroker/config/v1/options.pb.h"

namespace tokenbroker::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;

bool IsSet(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  return field.is_repeated() ? reflection.FieldSize(message, &field) > 0
                             : reflection.HasField(message, &field);
}

bool HasFieldsOfOurs(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field.is_map() &&
         field.message_type() != google::protobuf::Duration::descriptor();
}

void SetDefault(const FieldDescriptor& field, Message& message) {
  Locations locations;
  Faults faults(locations);
  const auto [node, fault] = ParseYaml(field.options().GetExtension(v1::field).default_value());
  // The defaults are part of the program: one that does not decode is a bug that every start shows.
  if (fault) std::abort();
  Decoder(locations, faults).DecodeField(*node, "", field, message);
  if (!faults.empty()) std::abort();
}

void ApplyOwnDefaults(Message& message, const std::string& path, const Locations& locations) {
  const Descriptor& description = *message.GetDescriptor();
  for (int i = 0; i < description.field_count(); ++i) {
    const FieldDescriptor& field = *description.field(i);
    const v1::FieldRules& rules = field.options().GetExtension(v1::field);
    if (rules.default_value().empty() || IsSet(message, field)) continue;
    // An empty list or message in the text means the default; a refused scalar has been reported.
    const bool may_be_empty = field.is_repeated() || HasFieldsOfOurs(field);
    if (locations.Has(FieldPath(path, field.name())) && !may_be_empty) continue;
    SetDefault(field, message);
  }
}

void CheckOwnFields(const Message& message, const std::string& path, const Locations& locations,
                    Faults& faults) {
  const Descriptor& description = *message.GetDescriptor();
  for (int i = 0; i < description.field_count(); ++i) {
    const FieldDescriptor& field = *description.field(i);
    const v1::FieldRules& rules = field.options().GetExtension(v1::field);
    const std::string child = FieldPath(path, field.name());
    if (!rules.required() || IsSet(message, field) || locations.Has(child)) continue;
    std::string text = "is required";
    if (!rules.example().empty()) text += ", for example: " + rules.example();
    faults.Add(child, text);
  }
}

void CheckOwnChoices(const Message& message, const std::string& path, const Locations& locations,
                     Faults& faults) {
  const Descriptor& description = *message.GetDescriptor();
  for (int i = 0; i < description.real_oneof_decl_count(); ++i) {
    const OneofDescriptor& choice = *description.oneof_decl(i);
    if (!choice.options().GetExtension(v1::choice).required()) continue;
    std::string names;
    bool chosen = false;
    for (int k = 0; k < choice.field_count(); ++k) {
      const FieldDescriptor& field = *choice.field(k);
      names += (k == 0 ? "" : ", ") + field.name();
      chosen = chosen || IsSet(message, field) || locations.Has(FieldPath(path, field.name()));
    }
    if (chosen) continue;
    faults.Add(path, choice.field_count() == 1 ? "needs the field " + names
                                               : "needs exactly one of the fields: " + names);
  }
}

}  // namespace

void ApplyDefaults(Message& root, const Locations& locations) {
  Walk(root, "", [&](Message& message, const std::string& path) {
    ApplyOwnDefaults(message, path, locations);
  });
}

void CheckRequired(Message& root, const Locations& locations, Faults& faults) {
  Walk(root, "", [&](Message& message, const std::string& path) {
    if (faults.Has(path)) return;
    CheckOwnFields(message, path, locations, faults);
    CheckOwnChoices(message, path, locations, faults);
  });
}

}  // namespace tokenbroker::config
