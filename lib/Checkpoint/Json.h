//===- Json.h - strict reader of untrusted JSON -----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Walks a JSON text and refuses what a lenient parser would guess about:
// duplicate keys, nesting bombs, invalid UTF-8, lone surrogates, integers that
// a double cannot hold. The walk keeps no tree, so a large header costs only
// what its reader stores.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CHECKPOINT_JSON_H
#define FPMOE_LIB_CHECKPOINT_JSON_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/JSON.h"

namespace fpmoe {

/// A cursor in a JSON text. Each member function reads one value and leaves
/// the cursor behind it; after an error the cursor must not be used further.
class JsonReader {
public:
  /// How errors say where: "FILE:3:5: ..." or "FILE: header byte 17: ...".
  enum class Position { LineColumn, HeaderByte };
  enum class Kind { Object, Array, String, Number, True, False, Null };

  static constexpr unsigned maxDepth = 64;
  static constexpr unsigned maxKeys = 1 << 20;
  /// Parsing the decimals of a double takes quadratic time.
  static constexpr unsigned maxDigits = 64;
  /// Integers up to this magnitude are exact in every JSON implementation.
  static constexpr int64_t maxInteger = int64_t(1) << 53;

  JsonReader(llvm::StringRef text, llvm::StringRef fileName,
             Position position = Position::LineColumn)
      : text(text), fileName(fileName), position(position) {}

  /// What kind of value starts here, by its first character.
  llvm::Expected<Kind> peek();

  /// Calls `member` for every key, decoded; it must read the value.
  llvm::Error
  object(llvm::function_ref<llvm::Error(llvm::StringRef key)> member);
  /// Calls `element` for every element; it must read it.
  llvm::Error array(llvm::function_ref<llvm::Error()> element);
  llvm::Expected<std::string> string();
  /// An integer without fraction or exponent, at most maxInteger in magnitude.
  llvm::Expected<int64_t> integer();
  /// Any value, as a tree of at most `budget` values.
  llvm::Expected<llvm::json::Value> value(unsigned &budget);
  /// Any value, checked and forgotten.
  llvm::Error skip();
  /// Only white space may be left.
  llvm::Error finish();

  /// An error at the cursor.
  llvm::Error error(const llvm::Twine &what) const;

private:
  void skipSpace();
  llvm::Error expect(char c, llvm::StringRef where);
  llvm::Expected<llvm::StringRef> number();
  llvm::Expected<llvm::json::Value> numberValue();
  llvm::Expected<unsigned> hexDigits();
  llvm::Error escape(std::string &result);
  llvm::Error literal(llvm::StringRef word);

  llvm::StringRef text;
  llvm::StringRef fileName;
  Position position;
  size_t cursor = 0;
  unsigned depth = 0;
};

/// Parses a whole text into an object of at most 100,000 values.
llvm::Expected<llvm::json::Object> parseJsonObject(llvm::StringRef text,
                                                   llvm::StringRef fileName);

} // namespace fpmoe

#endif // FPMOE_LIB_CHECKPOINT_JSON_H
