//===- JsonReader.cpp - checked access to JSON fields -----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every getter gives a usable value even after a problem, so that readers need
// to look at the problem only where they would go on for long.
//
//===----------------------------------------------------------------------===//
#include "lib/Tokenizer/JsonReader.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace fpmoe {

StringRef describe(const json::Value *value) {
  if (!value)
    return "missing";
  switch (value->kind()) {
  case json::Value::Null:
    return "null";
  case json::Value::Boolean:
    return "a boolean";
  case json::Value::Number:
    return "a number";
  case json::Value::String:
    return "a string";
  case json::Value::Array:
    return "an array";
  case json::Value::Object:
    return "an object";
  }
  return "unknown";
}

static const json::Object &emptyObject() {
  static const json::Object object;
  return object;
}

JsonObject::JsonObject(const json::Value *value, std::string where,
                       Problem &problem)
    : object(value ? value->getAsObject() : nullptr), where(std::move(where)),
      problem(problem) {
  if (object)
    return;
  object = &emptyObject();
  problem.set((this->where.empty() ? "the file" : this->where) +
              (value ? " must be an object, it is " + describe(value)
                     : Twine(" is missing")));
}

std::string JsonObject::at(StringRef key) const {
  return (where.empty() ? "" : where + ".") + printable(key);
}

const json::Value *JsonObject::get(StringRef key) const {
  return object->get(key);
}

bool JsonObject::isNull(StringRef key) const {
  const json::Value *value = get(key);
  return !value || value->kind() == json::Value::Null;
}

bool JsonObject::wrongType(StringRef key, StringRef expected) {
  const json::Value *value = get(key);
  if (!value)
    return problem.set(at(key) + " is missing");
  return problem.set(at(key) + " must be " + expected + ", it is " +
                     describe(value));
}

std::string JsonObject::getString(StringRef key) {
  const json::Value *value = get(key);
  if (std::optional<StringRef> text =
          value ? value->getAsString() : std::nullopt)
    return text->str();
  wrongType(key, "a string");
  return {};
}

std::string JsonObject::getCharacter(StringRef key) {
  std::string text = getString(key);
  size_t characters = count_if(text, [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  });
  if (characters != 1)
    problem.set(at(key) + " must be one character, it is " + quoted(text));
  return text;
}

bool JsonObject::getBool(StringRef key, std::optional<bool> byDefault) {
  const json::Value *value = get(key);
  if (!value && byDefault)
    return *byDefault;
  if (std::optional<bool> flag = value ? value->getAsBoolean() : std::nullopt)
    return *flag;
  wrongType(key, "true or false");
  return false;
}

int64_t JsonObject::getInteger(StringRef key, int64_t most) {
  const json::Value *value = get(key);
  std::optional<int64_t> number = value ? value->getAsInteger() : std::nullopt;
  if (!number) {
    wrongType(key, "an integer");
    return 0;
  }
  if (*number >= 0 && *number <= most)
    return *number;
  problem.set(at(key) + " must lie in [0, " + Twine(most) + "], it is " +
              Twine(*number));
  return 0;
}

const json::Array &JsonObject::getArray(StringRef key) {
  static const json::Array empty;
  const json::Value *value = get(key);
  if (const json::Array *array = value ? value->getAsArray() : nullptr)
    return *array;
  wrongType(key, "an array");
  return empty;
}

bool JsonObject::checkFields(ArrayRef<StringRef> known) {
  for (const auto &field : *object)
    if (!is_contained(known, StringRef(field.first)))
      return problem.set(at(StringRef(field.first)) +
                         " is not a known field (known: " + join(known, ", ") +
                         ")");
  return true;
}

} // namespace fpmoe
