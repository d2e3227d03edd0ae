//===- Json.cpp - writing JSON ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Numbers are written with the digits that bring the same double back.
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/Json.h"
#include "runtime/core/Status.h"
#include "runtime/tokenizer/Utf8.h"

#include <cmath>
#include <cstdlib>

using namespace fpmoe;

std::string fpmoe::jsonString(const std::string &text) {
  std::string clean, quoted = "\"";
  appendLossy(text, /*final=*/true, clean);
  for (size_t at = 0; at < clean.size();) {
    size_t size = characterSize(clean[at]);
    uint32_t character = decodeCharacter(std::string_view(clean).substr(at));
    if (character == '"' || character == '\\')
      quoted += {'\\', clean[at]};
    else if (character == '\n')
      quoted += "\\n";
    else if (character == '\t')
      quoted += "\\t";
    else if (character < 0x20 || character == '<' ||
             (character >= 0x7f && character < 0xa0))
      quoted += format("\\u%04x", character);
    else
      quoted.append(clean, at, size);
    at += size;
  }
  return quoted + "\"";
}

void JsonWriter::newline() {
  text += "\n" + std::string(2 * levels.size(), ' ');
}

/// Puts the comma and the white space before a value.
void JsonWriter::raw(const std::string &piece) {
  if (!afterKey && !levels.empty()) {
    Level &level = levels.back();
    text += level.empty ? "" : ",";
    if (!level.inOneLine)
      newline();
    else if (!level.empty)
      text += " ";
    level.empty = false;
  }
  afterKey = false;
  text += piece;
}

void JsonWriter::key(const char *name) {
  raw(jsonString(name) + ": ");
  afterKey = true;
}

void JsonWriter::begin(char bracket, bool inOneLine) {
  raw(std::string(1, bracket));
  inOneLine = inOneLine || (!levels.empty() && levels.back().inOneLine);
  levels.push_back({inOneLine, true});
}

void JsonWriter::end(char bracket) {
  Level level = levels.back();
  levels.pop_back();
  if (!level.inOneLine && !level.empty)
    newline();
  text += bracket;
}

void JsonWriter::value(const std::string &content) { raw(jsonString(content)); }
void JsonWriter::value(int64_t number) { raw(std::to_string(number)); }
void JsonWriter::value(bool truth) { raw(truth ? "true" : "false"); }

void JsonWriter::value(double number) {
  if (!std::isfinite(number))
    return raw("null");
  for (int digits : {6, 9, 15, 17}) {
    std::string written = format("%.*g", digits, number);
    if (digits == 17 || strtod(written.c_str(), nullptr) == number)
      return raw(written);
  }
}

std::string JsonWriter::take() { return std::move(text) + "\n"; }
