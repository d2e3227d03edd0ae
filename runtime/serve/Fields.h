//===- Fields.h - what a JSON request says ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads the fields of a JSON object, each with its type and range. The first
// one that is wrong is the error, which names it and both values. A field that
// is null counts as not given.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_SERVE_FIELDS_H
#define FPMOE_RUNTIME_SERVE_FIELDS_H

#define JSON_NOEXCEPTION 1
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace fpmoe {

using Json = nlohmann::json;

/// JSON in one line; what is not UTF-8 becomes replacement characters.
std::string toText(const Json &json);

class Fields {
public:
  /// Of the text of an object, of values nested at most 32 deep.
  explicit Fields(const std::string &text);
  /// Of an object that a field has to be; "options." stands before the names of
  /// its members in errors.
  Fields(const Json &object, std::string prefix);

  bool has(const char *name) const;
  const Json &at(const char *name) const { return json[name]; }
  const Json &all() const { return json; }

  std::string text(const char *name, std::string otherwise = std::string(),
                   size_t mostBytes = SIZE_MAX);
  int64_t integer(const char *name, int64_t least, int64_t most,
                  int64_t otherwise);
  double number(const char *name, double least, double most, double otherwise);
  bool flag(const char *name, bool otherwise);
  /// A text, or some of them.
  std::vector<std::string> texts(const char *name, size_t most,
                                 size_t mostBytes);
  /// Whether a value asks for nothing: false, 0, "none", or an empty one.
  static bool isOff(const Json &value);
  /// Ids of the vocabulary.
  std::vector<int32_t> ids(const char *name, int64_t vocabulary);

  bool failed() const { return !message.empty(); }
  /// Sets the error, unless there is one.
  void fail(const char *name, std::string message);
  const std::string &error() const { return message; }
  const std::string &field() const { return badField; }
  /// A member as it stands in errors.
  std::string called(const char *name) const { return prefix + name; }

private:
  const Json *find(const char *name, const char *wanted,
                   bool (Json::*is)() const noexcept);

  Json json;
  std::string prefix;
  std::string message, badField;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_SERVE_FIELDS_H
