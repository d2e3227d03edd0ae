//===- Json.cpp - strict reader of untrusted JSON ---------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A recursive-descent walk whose depth is bounded. See Json.h for what it
// refuses.
//
//===----------------------------------------------------------------------===//

#include "lib/Checkpoint/Json.h"

#include "lib/Checkpoint/Input.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/ConvertUTF.h"

#include <cmath>

using namespace llvm;

namespace fpmoe {

Error JsonReader::error(const Twine &what) const {
  if (position == Position::HeaderByte)
    return fileError(fileName, "header byte " + Twine(cursor) + ": " + what);
  StringRef before = text.take_front(cursor);
  size_t line = before.count('\n') + 1;
  size_t column = cursor - (before.rfind('\n') + 1) + 1;
  return fileError((fileName + ":" + Twine(line) + ":" + Twine(column)).str(),
                   what);
}

void JsonReader::skipSpace() {
  while (cursor < text.size() && (text[cursor] == ' ' || text[cursor] == '\n' ||
                                  text[cursor] == '\r' || text[cursor] == '\t'))
    ++cursor;
}

Error JsonReader::expect(char c, StringRef where) {
  skipSpace();
  if (cursor == text.size())
    return error("the JSON text ends too early, expected '" + Twine(c) + "' " +
                 where);
  if (text[cursor] != c)
    return error("expected '" + Twine(c) + "' " + where + ", found " +
                 quoted(text.substr(cursor, 1)));
  ++cursor;
  return Error::success();
}

Expected<JsonReader::Kind> JsonReader::peek() {
  skipSpace();
  if (cursor == text.size())
    return error("the JSON text ends too early, expected a value");
  switch (char c = text[cursor]) {
  case '{':
    return Kind::Object;
  case '[':
    return Kind::Array;
  case '"':
    return Kind::String;
  case 't':
    return Kind::True;
  case 'f':
    return Kind::False;
  case 'n':
    return Kind::Null;
  default:
    if (c == '-' || isDigit(c))
      return Kind::Number;
    return error("expected a JSON value, found " +
                 quoted(text.substr(cursor, 1)));
  }
}

Error JsonReader::object(function_ref<Error(StringRef)> member) {
  if (Error e = expect('{', "to begin an object"))
    return e;
  if (++depth > maxDepth)
    return error("values are nested more than " + Twine(maxDepth) + " deep");
  StringSet<> seen;
  skipSpace();
  bool first = true;
  while (cursor == text.size() || text[cursor] != '}') {
    if (!first)
      if (Error e = expect(',', "or '}' after a value"))
        return e;
    first = false;
    skipSpace();
    size_t start = cursor;
    Expected<std::string> key = string();
    if (!key)
      return key.takeError();
    if (!seen.insert(*key).second) {
      cursor = start;
      return error("the key " + quoted(*key) + " occurs twice");
    }
    if (seen.size() > maxKeys)
      return error("an object has more than " + Twine(maxKeys) + " keys");
    if (Error e = expect(':', "after a key"))
      return e;
    if (Error e = member(*key))
      return e;
    skipSpace();
  }
  ++cursor;
  --depth;
  return Error::success();
}

Error JsonReader::array(function_ref<Error()> element) {
  if (Error e = expect('[', "to begin an array"))
    return e;
  if (++depth > maxDepth)
    return error("values are nested more than " + Twine(maxDepth) + " deep");
  skipSpace();
  bool first = true;
  while (cursor == text.size() || text[cursor] != ']') {
    if (!first)
      if (Error e = expect(',', "or ']' after an element"))
        return e;
    first = false;
    if (Error e = element())
      return e;
    skipSpace();
  }
  ++cursor;
  --depth;
  return Error::success();
}

Expected<unsigned> JsonReader::hexDigits() {
  unsigned code = 0;
  StringRef digits = text.substr(cursor, 4);
  if (digits.size() != 4 || !all_of(digits, isHexDigit))
    return error("'\\u' must be followed by 4 hexadecimal digits");
  for (char c : digits)
    code = code * 16 + hexDigitValue(c);
  cursor += 4;
  return code;
}

/// Decodes what follows a backslash.
Error JsonReader::escape(std::string &result) {
  static constexpr StringLiteral names = "\"\\/bfnrt",
                                 values = "\"\\/\b\f\n\r\t";
  char c = cursor < text.size() ? text[cursor] : '\0';
  if (size_t i = names.find(c); i != StringRef::npos) {
    result += values[i];
    ++cursor;
    return Error::success();
  }
  if (c != 'u')
    return error("invalid escape in a string");
  ++cursor;
  Expected<unsigned> code = hexDigits();
  if (!code)
    return code.takeError();
  unsigned point = *code;
  if (point >= 0xD800 && point < 0xDC00 &&
      text.substr(cursor).starts_with("\\u")) {
    cursor += 2;
    Expected<unsigned> low = hexDigits();
    if (!low)
      return low.takeError();
    if (*low >= 0xDC00 && *low < 0xE000)
      point = 0x10000 + ((point - 0xD800) << 10) + (*low - 0xDC00);
  }
  char buffer[UNI_MAX_UTF8_BYTES_PER_CODE_POINT];
  char *end = buffer;
  if (!ConvertCodePointToUTF8(point, end))
    return error("an escape names half of a surrogate pair");
  result.append(buffer, end);
  return Error::success();
}

Expected<std::string> JsonReader::string() {
  if (Error e = expect('"', "to begin a string"))
    return e;
  size_t start = cursor;
  std::string result;
  while (true) {
    size_t run = cursor;
    while (cursor < text.size() && text[cursor] != '"' &&
           text[cursor] != '\\' &&
           static_cast<unsigned char>(text[cursor]) >= 0x20)
      ++cursor;
    result.append(text.data() + run, cursor - run);
    if (cursor == text.size())
      return error("the JSON text ends inside a string");
    char c = text[cursor];
    if (c == '"')
      break;
    if (c != '\\')
      return error("a control character in a string");
    ++cursor;
    if (Error e = escape(result))
      return e;
  }
  size_t bad = 0;
  if (!json::isUTF8(text.slice(start, cursor), &bad)) {
    cursor = start + bad;
    return error("a string is not valid UTF-8");
  }
  ++cursor;
  return result;
}

/// The text of a number that obeys JSON's grammar.
Expected<StringRef> JsonReader::number() {
  skipSpace();
  size_t start = cursor;
  auto digits = [&] {
    size_t from = cursor;
    while (cursor < text.size() && isDigit(text[cursor]))
      ++cursor;
    return cursor - from;
  };
  auto take = [&](StringRef set) {
    if (cursor == text.size() || !set.contains(text[cursor]))
      return false;
    ++cursor;
    return true;
  };
  take("-");
  bool valid = take("0") || digits() > 0;
  if (valid && take("."))
    valid = digits() > 0;
  if (valid && take("eE")) {
    take("+-");
    valid = digits() > 0;
  }
  if (!valid)
    return error("expected a digit of a number");
  if (cursor - start > maxDigits)
    return error("a number has more than " + Twine(maxDigits) + " characters");
  return text.slice(start, cursor);
}

Expected<int64_t> JsonReader::integer() {
  skipSpace();
  size_t start = cursor;
  Expected<StringRef> digits = number();
  if (!digits)
    return digits.takeError();
  int64_t result = 0;
  if (digits->find_first_of(".eE") != StringRef::npos) {
    cursor = start;
    return error("expected a whole number, found " + digits->take_front(40));
  }
  if (digits->getAsInteger(10, result) || result > maxInteger ||
      result < -maxInteger) {
    cursor = start;
    return error("the number " + digits->take_front(40) +
                 " is beyond 2^53 and not exact in JSON");
  }
  return result;
}

Expected<json::Value> JsonReader::numberValue() {
  size_t start = cursor;
  Expected<StringRef> digits = number();
  if (!digits)
    return digits.takeError();
  double result = 0;
  if (digits->find_first_of(".eE") == StringRef::npos) {
    cursor = start;
    Expected<int64_t> whole = integer();
    if (!whole)
      return whole.takeError();
    return json::Value(*whole);
  }
  if (digits->getAsDouble(result) || !std::isfinite(result)) {
    cursor = start;
    return error("the number " + digits->take_front(40) +
                 " is beyond double precision");
  }
  return json::Value(result);
}

Error JsonReader::literal(StringRef word) {
  if (!text.substr(cursor).starts_with(word))
    return error("expected '" + word + "'");
  cursor += word.size();
  return Error::success();
}

Expected<json::Value> JsonReader::value(unsigned &budget) {
  Expected<Kind> kind = peek();
  if (!kind)
    return kind.takeError();
  if (budget == 0)
    return error("the file has too many values");
  --budget;
  switch (*kind) {
  case Kind::Object: {
    json::Object members;
    if (Error e = object([&](StringRef key) -> Error {
          Expected<json::Value> member = value(budget);
          if (!member)
            return member.takeError();
          members[json::ObjectKey(key.str())] = std::move(*member);
          return Error::success();
        }))
      return e;
    return json::Value(std::move(members));
  }
  case Kind::Array: {
    json::Array elements;
    if (Error e = array([&]() -> Error {
          Expected<json::Value> element = value(budget);
          if (!element)
            return element.takeError();
          elements.push_back(std::move(*element));
          return Error::success();
        }))
      return e;
    return json::Value(std::move(elements));
  }
  case Kind::String: {
    Expected<std::string> characters = string();
    if (!characters)
      return characters.takeError();
    return json::Value(std::move(*characters));
  }
  case Kind::Number:
    return numberValue();
  case Kind::True:
  case Kind::False:
    if (Error e = literal(*kind == Kind::True ? "true" : "false"))
      return e;
    return json::Value(*kind == Kind::True);
  case Kind::Null:
    if (Error e = literal("null"))
      return e;
    return json::Value(nullptr);
  }
  llvm_unreachable("covered switch");
}

Error JsonReader::skip() {
  Expected<Kind> kind = peek();
  if (!kind)
    return kind.takeError();
  switch (*kind) {
  case Kind::Object:
    return object([&](StringRef) { return skip(); });
  case Kind::Array:
    return array([&] { return skip(); });
  case Kind::String:
    return string().takeError();
  case Kind::Number:
    return number().takeError();
  case Kind::True:
    return literal("true");
  case Kind::False:
    return literal("false");
  case Kind::Null:
    return literal("null");
  }
  llvm_unreachable("covered switch");
}

Error JsonReader::finish() {
  skipSpace();
  if (cursor != text.size())
    return error("the JSON text goes on after its end");
  return Error::success();
}

Expected<json::Object> parseJsonObject(StringRef text, StringRef fileName) {
  JsonReader reader(text, fileName);
  unsigned budget = 100'000;
  Expected<json::Value> value = reader.value(budget);
  if (!value)
    return value.takeError();
  if (Error e = reader.finish())
    return e;
  json::Object *object = value->getAsObject();
  if (!object)
    return fileError(fileName, "is not a JSON object");
  return std::move(*object);
}

} // namespace fpmoe
