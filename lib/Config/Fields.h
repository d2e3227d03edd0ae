//===- Fields.h - typed members of a JSON object ----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads members of an untrusted JSON object with a type and a range, or gives
// an error with the name, the value and the rule.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CONFIG_FIELDS_H
#define FPMOE_LIB_CONFIG_FIELDS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/JSON.h"

#include <string>
#include <vector>

namespace fpmoe {

/// Typed access to the members of a JSON object. A reader leaves `out` alone if
/// the key is missing, or if it is null and that is allowed.
class Fields {
public:
  /// `prefix` stands before keys in messages. The arguments must outlive this.
  Fields(const llvm::json::Object &object, llvm::StringRef fileName,
         llvm::StringRef prefix = "")
      : object(object), fileName(fileName), prefix(prefix) {}

  /// The value, or null if a reader would leave its output alone.
  const llvm::json::Value *get(llvm::StringRef key,
                               bool nullable = false) const;

  llvm::Error integer(llvm::StringRef key, int64_t &out, int64_t min,
                      int64_t max, bool nullable = false) const;
  /// A whole number from `min` to getSizeLimit(key).
  llvm::Error size(llvm::StringRef key, int64_t &out, int64_t min = 1,
                   bool nullable = false) const;
  llvm::Error boolean(llvm::StringRef key, bool &out,
                      bool nullable = false) const;
  llvm::Error real(llvm::StringRef key, double &out, double min, double max,
                   bool nullable = false) const;
  /// A whole number or an array of them, each from 0 to limit - 1; nullable.
  llvm::Error tokens(llvm::StringRef key, std::vector<int64_t> &out,
                     int64_t limit) const;

  /// "key is value", for messages.
  std::string describe(llvm::StringRef key,
                       const llvm::json::Value &value) const;
  /// "FILE: key is value", the value as JSON, cut to a length for a message.
  std::string show(llvm::StringRef key, const llvm::json::Value &value) const;

  /// "FILE: key is value, it must be rule".
  llvm::Error wrong(llvm::StringRef key, const llvm::json::Value &value,
                    const llvm::Twine &rule) const;

  /// All members.
  const llvm::json::Object &members() const { return object; }

private:
  const llvm::json::Object &object;
  llvm::StringRef fileName;
  llvm::StringRef prefix;
};

/// "the field 'x' is unknown and could change the result; if it does not, write
/// ...", for fields or keys that are not ignored already.
std::string adviseToIgnore(llvm::StringRef noun,
                           llvm::ArrayRef<std::string> unknown,
                           llvm::ArrayRef<std::string> ignored);

} // namespace fpmoe

#endif // FPMOE_LIB_CONFIG_FIELDS_H
