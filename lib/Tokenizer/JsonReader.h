//===- JsonReader.h - checked access to JSON fields -------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads the fields of one JSON object and remembers the first thing that is
// wrong, in words that name the file and the field.
//
//===----------------------------------------------------------------------===//
#ifndef FPMOE_LIB_TOKENIZER_JSONREADER_H
#define FPMOE_LIB_TOKENIZER_JSONREADER_H

#include "lib/Checkpoint/Input.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/JSON.h"

#include <optional>
#include <string>

namespace fpmoe {

/// The first problem found in a file; everything after it is not looked at.
class Problem {
public:
  explicit Problem(llvm::StringRef path) : path(path.str()) {}

  /// Always returns false, for `return problem.set(...)`.
  bool set(const llvm::Twine &what) {
    if (message.empty())
      message = (path + ": " + what).str();
    return false;
  }
  bool found() const { return !message.empty(); }
  const std::string &text() const { return message; }
  const std::string &file() const { return path; }

private:
  std::string path;
  std::string message;
};

/// One JSON object at `where` ("pre_tokenizer.pretokenizers[2]"). Getters
/// return a default after a problem.
class JsonObject {
public:
  /// `value` must be an object; null pointers and other types are a problem.
  JsonObject(const llvm::json::Value *value, std::string where,
             Problem &problem);

  /// A field that is absent or null.
  bool isNull(llvm::StringRef key) const;
  const llvm::json::Value *get(llvm::StringRef key) const;

  std::string getString(llvm::StringRef key);
  /// A string that is exactly one character.
  std::string getCharacter(llvm::StringRef key);
  bool getBool(llvm::StringRef key, std::optional<bool> byDefault = {});
  /// An integer in [0, most].
  int64_t getInteger(llvm::StringRef key, int64_t most);
  const llvm::json::Array &getArray(llvm::StringRef key);

  /// Every field must be one of `known`: others might change the result.
  bool checkFields(llvm::ArrayRef<llvm::StringRef> known);

  /// "where.key", safe to print.
  std::string at(llvm::StringRef key) const;
  const std::string &place() const { return where; }
  const llvm::json::Object &fields() const { return *object; }

private:
  bool wrongType(llvm::StringRef key, llvm::StringRef expected);

  const llvm::json::Object *object;
  std::string where;
  Problem &problem;
};

/// What a value is, for messages: "a string", "null", ...
llvm::StringRef describe(const llvm::json::Value *value);

} // namespace fpmoe

#endif // FPMOE_LIB_TOKENIZER_JSONREADER_H
