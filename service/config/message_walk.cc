#include "config/message_walk.h"

#include "config/faults.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"

namespace tokenbroker::config {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

void Walk(Message& message, const std::string& path,
          const std::function<void(Message&, const std::string&)>& visit) {
  visit(message, path);
  const Descriptor& description = *message.GetDescriptor();
  const Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < description.field_count(); ++i) {
    const FieldDescriptor& field = *description.field(i);
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field.is_map() ||
        field.message_type() == google::protobuf::Duration::descriptor()) {
      continue;
    }
    const std::string child = FieldPath(path, field.name());
    if (!field.is_repeated()) {
      if (!reflection.HasField(message, &field)) continue;
      Walk(*reflection.MutableMessage(&message, &field), child, visit);
      continue;
    }
    for (int k = 0; k < reflection.FieldSize(message, &field); ++k) {
      Walk(*reflection.MutableRepeatedMessage(&message, &field, k),
           ElementPath(child, static_cast<std::size_t>(k)), visit);
    }
  }
}

void ForEachText(Message& root, v1::Format format,
                 const std::function<void(std::string&, const std::string&)>& visit) {
  Walk(root, "", [&](Message& message, const std::string& path) {
    const Descriptor& description = *message.GetDescriptor();
    const Reflection& reflection = *message.GetReflection();
    for (int i = 0; i < description.field_count(); ++i) {
      const FieldDescriptor& field = *description.field(i);
      if (field.is_repeated() || field.cpp_type() != FieldDescriptor::CPPTYPE_STRING ||
          field.options().GetExtension(v1::field).format() != format ||
          !reflection.HasField(message, &field)) {
        continue;
      }
      std::string text = reflection.GetString(message, &field);
      visit(text, FieldPath(path, field.name()));
      reflection.SetString(&message, &field, std::move(text));
    }
  });
}

}  // namespace tokenbroker::config
