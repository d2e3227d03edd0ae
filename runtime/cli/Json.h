//===- Json.h - writing JSON ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Builds JSON text in the order of the calls. Text that is not UTF-8 gets
// replacement characters, numbers that are not finite become null.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CLI_JSON_H
#define FPMOE_RUNTIME_CLI_JSON_H

#include <cstdint>
#include <string>
#include <vector>

namespace fpmoe {

/// Returns a quoted JSON string. '<' is escaped too, so that it may stand
/// inside an HTML script element.
std::string jsonString(const std::string &text);

class JsonWriter {
public:
  /// Inside an object every value is preceded by its key; inside an array
  /// there is none. `inOneLine` keeps an array or object on one line.
  void key(const char *name);
  void beginObject(bool inOneLine = false) { begin('{', inOneLine); }
  void endObject() { end('}'); }
  void beginArray(bool inOneLine = true) { begin('[', inOneLine); }
  void endArray() { end(']'); }
  void value(const std::string &text);
  void value(const char *text) { value(std::string(text)); }
  void value(int64_t number);
  void value(int number) { value(int64_t(number)); }
  void value(double number);
  void value(bool truth);
  template <typename T> void value(const char *name, const T &content) {
    key(name);
    value(content);
  }

  /// The finished text, with a newline at its end.
  std::string take();

private:
  void begin(char bracket, bool inOneLine);
  void end(char bracket);
  void raw(const std::string &text);
  void newline();

  struct Level {
    bool inOneLine, empty;
  };
  std::string text;
  std::vector<Level> levels;
  bool afterKey = false;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CLI_JSON_H
