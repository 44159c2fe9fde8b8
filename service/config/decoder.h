// YAML into a configuration message, by the message's own description.
#pragma once

#include <string>

#include "config/faults.h"
#include "config/yaml_document.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace tokenbroker::config {

// Fills a message from YAML: fields by their proto names, durations and sizes as text with a unit,
// enums by their short names in lower case, lists and maps as such. A null is an empty message or
// list. Limits and formats that options.proto attaches to a field are checked here.
class Decoder {
 public:
  // Both are written to and must outlive the decoder.
  Decoder(Locations& locations, Faults& faults) : locations_(locations), faults_(faults) {}

  // Decodes a mapping into `message`, which stands at `path`. What is wrong becomes a fault, and
  // the field stays as it was.
  void DecodeMessage(const YamlNode& node, const std::string& path,
                     google::protobuf::Message& message);

  // Decodes the value of one field.
  void DecodeField(const YamlNode& node, const std::string& path,
                   const google::protobuf::FieldDescriptor& field,
                   google::protobuf::Message& message);

 private:
  void DecodeList(const YamlNode& node, const std::string& path,
                  const google::protobuf::FieldDescriptor& field,
                  google::protobuf::Message& message);
  void DecodeMap(const YamlNode& node, const std::string& path,
                 const google::protobuf::FieldDescriptor& field,
                 google::protobuf::Message& message);
  void DecodeDuration(const YamlNode& node, const std::string& path,
                      const google::protobuf::FieldDescriptor& field,
                      google::protobuf::Message& message);
  void DecodeScalar(const YamlNode& node, const std::string& path,
                    const google::protobuf::FieldDescriptor& field,
                    google::protobuf::Message& message);
  // The text of a scalar that is to be a string; nothing, and a fault, where it is none.
  bool DecodeText(const YamlNode& node, const std::string& path, std::string& text);

  Locations& locations_;
  Faults& faults_;
};

// The short name of an enum's value: "required" for CLIENT_CERTIFICATES_REQUIRED.
std::string ShortName(const google::protobuf::EnumValueDescriptor& value);

// The values of an enum but the unspecified one: "json, text".
std::string ShortNames(const google::protobuf::EnumDescriptor& description);

}  // namespace tokenbroker::config
