// What the loader takes for granted about config.proto.
#include <functional>
#include <set>
#include <string>

#include "config/config.h"
#include "config/decoder.h"
#include "config/faults.h"
#include "config/yaml_document.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "support/status_matchers.h"
#include "tokenbroker/config/v1/config.pb.h"
#include "tokenbroker/config/v1/options.pb.h"

namespace tokenbroker::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// Every field of the configuration, once.
void ForEachField(const std::function<void(const FieldDescriptor&)>& visit) {
  const auto& file = *v1::Config::descriptor()->file();
  for (int m = 0; m < file.message_type_count(); ++m) {
    const Descriptor& message = *file.message_type(m);
    for (int f = 0; f < message.field_count(); ++f) visit(*message.field(f));
  }
}

const v1::FieldRules& RulesOf(const FieldDescriptor& field) {
  return field.options().GetExtension(v1::field);
}

// What is wrong with `yaml` as a value of the field; empty if nothing.
std::string FaultsOf(const FieldDescriptor& field, const std::string& yaml) {
  const auto [node, fault] = ParseYaml(yaml);
  if (fault) return fault->message;
  Locations locations;
  Faults faults(locations);
  std::unique_ptr<google::protobuf::Message> message(
      google::protobuf::MessageFactory::generated_factory()
          ->GetPrototype(field.containing_type())
          ->New());
  Decoder(locations, faults).DecodeField(*node, field.name(), field, *message);
  return std::string(faults.ToStatus("default").message());
}

TEST(Schema, DefaultsAndExamplesAreValidValues) {
  ForEachField([](const FieldDescriptor& field) {
    const v1::FieldRules& rules = RulesOf(field);
    if (!rules.default_value().empty()) {
      EXPECT_EQ(FaultsOf(field, rules.default_value()), "") << field.full_name();
    }
    if (!rules.example().empty()) {
      EXPECT_EQ(FaultsOf(field, rules.example()), "") << field.full_name();
    }
  });
}

TEST(Schema, LimitsAreValidValues) {
  ForEachField([](const FieldDescriptor& field) {
    for (const std::string& limit : {RulesOf(field).minimum(), RulesOf(field).maximum()}) {
      if (limit.empty()) continue;
      EXPECT_EQ(FaultsOf(field, limit), "") << field.full_name();
    }
  });
}

TEST(Schema, FieldsWithADefaultTellWhetherTheyAreSet) {
  ForEachField([](const FieldDescriptor& field) {
    if (RulesOf(field).default_value().empty() || field.is_repeated()) return;
    EXPECT_TRUE(field.has_presence()) << field.full_name();
    EXPECT_FALSE(RulesOf(field).required()) << field.full_name();
  });
}

TEST(Schema, HasOnlyTypesThatTheDecoderKnows) {
  ForEachField([](const FieldDescriptor& field) {
    if (field.is_map()) {
      EXPECT_EQ(field.message_type()->map_key()->cpp_type(), FieldDescriptor::CPPTYPE_STRING);
      EXPECT_EQ(field.message_type()->map_value()->cpp_type(), FieldDescriptor::CPPTYPE_STRING);
      return;
    }
    static const std::set<FieldDescriptor::CppType> kInLists = {FieldDescriptor::CPPTYPE_STRING,
                                                                FieldDescriptor::CPPTYPE_MESSAGE};
    static const std::set<FieldDescriptor::CppType> kAlone = {
        FieldDescriptor::CPPTYPE_STRING, FieldDescriptor::CPPTYPE_MESSAGE,
        FieldDescriptor::CPPTYPE_BOOL,   FieldDescriptor::CPPTYPE_ENUM,
        FieldDescriptor::CPPTYPE_DOUBLE, FieldDescriptor::CPPTYPE_UINT32,
        FieldDescriptor::CPPTYPE_UINT64};
    EXPECT_TRUE((field.is_repeated() ? kInLists : kAlone).contains(field.cpp_type()))
        << field.full_name();
    if (field.is_repeated() && field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      EXPECT_NE(field.message_type(), google::protobuf::Duration::descriptor());
    }
  });
}

// A message inside itself would let a file decide how deep the loader recurses.
TEST(Schema, HasNoMessageInsideItself) {
  const std::function<void(const Descriptor&, std::set<const Descriptor*>)> visit =
      [&](const Descriptor& message, std::set<const Descriptor*> around) {
        ASSERT_TRUE(around.insert(&message).second) << message.full_name();
        for (int f = 0; f < message.field_count(); ++f) {
          const FieldDescriptor& field = *message.field(f);
          if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field.is_map()) {
            visit(*field.message_type(), around);
          }
        }
      };
  visit(*v1::Config::descriptor(), {});
}

TEST(Schema, EnumsHaveShortNames) {
  EXPECT_EQ(ShortNames(*v1::ClientCertificates_descriptor()), "required, optional, none");
  EXPECT_EQ(ShortNames(*v1::GrantVisibility_descriptor()), "own, all");
  EXPECT_EQ(ShortNames(*v1::LogLevel_descriptor()), "debug, info, warn, error");
  EXPECT_EQ(ShortNames(*v1::LogFormat_descriptor()), "json, text");
}

}  // namespace
}  // namespace tokenbroker::config
