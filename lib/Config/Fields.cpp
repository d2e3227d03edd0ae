//===- Fields.cpp - typed members of a JSON object --------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values are shown in messages as JSON, which escapes control characters. See
// Fields.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Config/Fields.h"

#include "lib/Checkpoint/Input.h"
#include "lib/Config/SizeLimits.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace fpmoe {

static constexpr size_t maxTokens = 1024;

/// The value as JSON, cut to a length that suits a message.
static std::string showValue(const json::Value &value) {
  std::string text;
  raw_string_ostream os(text);
  // A number as it is written, not as the nearest double.
  std::optional<double> number = value.getAsNumber();
  if (number && !value.getAsInteger())
    os << format("%.15g", *number);
  else
    os << value;
  return printable(text, 80);
}

/// A limit as it is written, not as the nearest double.
static std::string showReal(double value) {
  std::string text;
  raw_string_ostream(text) << format("%g", value);
  return text;
}

const json::Value *Fields::get(StringRef key, bool nullable) const {
  const json::Value *value = object.get(key);
  bool isNull = value && value->kind() == json::Value::Null;
  return nullable && isNull ? nullptr : value;
}

std::string Fields::describe(StringRef key, const json::Value &value) const {
  return (prefix + key + " is " + showValue(value)).str();
}

std::string Fields::show(StringRef key, const json::Value &value) const {
  return (fileName + ": " + describe(key, value)).str();
}

Error Fields::wrong(StringRef key, const json::Value &value,
                    const Twine &rule) const {
  return createStringError(show(key, value) + ", it must be " + rule);
}

Error Fields::integer(StringRef key, int64_t &out, int64_t min, int64_t max,
                      bool nullable) const {
  const json::Value *value = get(key, nullable);
  if (!value)
    return Error::success();
  std::optional<int64_t> number = value->getAsInteger();
  if (!number || *number < min || *number > max)
    return wrong(key, *value,
                 Twine(number ? "" : "a whole number ") + "between " +
                     Twine(min) + " and " + Twine(max));
  out = *number;
  return Error::success();
}

Error Fields::size(StringRef key, int64_t &out, int64_t min,
                   bool nullable) const {
  return integer(key, out, min, getSizeLimit(key), nullable);
}

Error Fields::boolean(StringRef key, bool &out, bool nullable) const {
  const json::Value *value = get(key, nullable);
  if (!value)
    return Error::success();
  std::optional<bool> flag = value->getAsBoolean();
  if (!flag)
    return wrong(key, *value, "true or false");
  out = *flag;
  return Error::success();
}

Error Fields::real(StringRef key, double &out, double min, double max,
                   bool nullable) const {
  const json::Value *value = get(key, nullable);
  if (!value)
    return Error::success();
  std::optional<double> number = value->getAsNumber();
  if (!number || !(*number >= min && *number <= max))
    return wrong(key, *value,
                 min == max ? showReal(min)
                            : "a number between " + showReal(min) + " and " +
                                  showReal(max));
  out = *number;
  return Error::success();
}

Error Fields::tokens(StringRef key, std::vector<int64_t> &out,
                     int64_t limit) const {
  const json::Value *value = get(key, /*nullable=*/true);
  if (!value)
    return Error::success();
  std::vector<int64_t> ids;
  auto add = [&](const json::Value &element) -> Error {
    std::optional<int64_t> id = element.getAsInteger();
    if (!id || *id < 0 || *id >= limit)
      return wrong(key, element,
                   "an id of the vocabulary, between 0 and " +
                       Twine(limit - 1));
    if (!is_contained(ids, *id))
      ids.push_back(*id);
    return Error::success();
  };
  if (const json::Array *array = value->getAsArray()) {
    if (array->size() > maxTokens)
      return fileError(fileName, prefix + key + " has " + Twine(array->size()) +
                                     " ids, the limit is " + Twine(maxTokens));
    for (const json::Value &element : *array)
      if (Error e = add(element))
        return e;
  } else if (Error e = add(*value)) {
    return e;
  }
  out = std::move(ids);
  return Error::success();
}

std::string adviseToIgnore(StringRef noun, ArrayRef<std::string> unknown,
                           ArrayRef<std::string> ignored) {
  bool isOne = unknown.size() == 1;
  auto inQuotes = [](StringRef name) { return "\"" + printable(name) + "\""; };
  std::vector<std::string> all(ignored);
  append_range(all, unknown);
  return ("the " + noun + (isOne ? " " : "s ") +
          join(map_range(unknown, quoted), ", ") + (isOne ? " is" : " are") +
          " unknown and could change the result; if " +
          (isOne ? "it does" : "they do") +
          " not, write at the top of an fpmoe.toml beside it: ignore_config = "
          "[" +
          join(map_range(all, inQuotes), ", ") + "]")
      .str();
}

} // namespace fpmoe
