// What is wrong with a configuration, and where.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace tokenbroker::config {

// A place in a text; both count from 1, the column in characters.
struct Position {
  int line = 1;
  int column = 1;
};

// `path` with a field or an element added: "clients[0]" and "name" make "clients[0].name".
std::string FieldPath(const std::string& path, std::string_view field);
std::string ElementPath(const std::string& path, std::size_t index);

// Where in the text each field of the configuration stands.
class Locations {
 public:
  void Record(const std::string& path, Position position);
  // Whether the text has the field, be its value right or wrong.
  bool Has(const std::string& path) const { return positions_.contains(path); }
  // The place of the field, or of the innermost field around it that is there.
  Position Of(std::string path) const;

 private:
  std::map<std::string, Position> positions_;
};

// Gathers faults, so that an operator sees all of them at once.
class Faults {
 public:
  explicit Faults(const Locations& locations) : locations_(locations) {}

  // `message` says what is wrong and what to write instead. It must not quote a value that could be
  // a secret in the wrong place.
  void Add(const std::string& path, std::string_view message);
  // The same for a field that is missing because of another one, which stands at `cause`.
  void AddBecauseOf(const std::string& cause, const std::string& path, std::string_view message);
  void AddAt(Position position, const std::string& path, std::string_view message);

  bool empty() const { return faults_.empty(); }
  // Whether the field itself has a fault already, so that what follows from it need not be said.
  bool Has(const std::string& path) const { return paths_.contains(path); }

  // OK, or INVALID_ARGUMENT with one line `name:line:column: path: message` for each fault, in the
  // order of the text.
  absl::Status ToStatus(std::string_view name) const;

 private:
  struct Fault {
    Position position;
    std::string text;
  };
  const Locations& locations_;
  std::vector<Fault> faults_;
  std::set<std::string> paths_;
};

// The message of another layer's error as a fault's: "the private key is not in PEM".
std::string FaultText(const absl::Status& status);

}  // namespace tokenbroker::config
