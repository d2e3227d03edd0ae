//===- Fields.cpp - what a JSON request says ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/serve/Fields.h"
#include "runtime/core/Status.h"

using namespace fpmoe;

static constexpr int mostDepth = 32;

std::string fpmoe::toText(const Json &json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false,
                   Json::error_handler_t::replace);
}

/// Whether values of a JSON text are nested deeper than allowed.
static bool isTooDeep(const std::string &text) {
  int depth = 0;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (inString) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        inString = false;
    } else if (c == '"') {
      inString = true;
    } else if (c == '[' || c == '{') {
      if (++depth > mostDepth)
        return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

Fields::Fields(const std::string &text) {
  if (isTooDeep(text)) {
    message = format("the JSON is nested more than %d deep", mostDepth);
    return;
  }
  json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  // The parser takes a zero byte for the end.
  if (json.is_discarded() || text.find('\0') != std::string::npos)
    message = "the body is not JSON in UTF-8";
  else if (!json.is_object())
    message = format("the body is a JSON %s, it has to be an object",
                     json.type_name());
  if (failed())
    json = Json::object();
}

/// A value as it stands in messages.
static std::string shown(const Json &value) {
  std::string text = toText(value);
  constexpr size_t most = 40;
  if (text.size() > most) {
    text.resize(most);
    // No half of a character.
    while (!text.empty() && (text.back() & 0xc0) == 0x80)
      text.pop_back();
    if (!text.empty() && (text.back() & 0x80))
      text.pop_back();
    text += "...";
  }
  return text;
}

Fields::Fields(const Json &object, std::string name)
    : json(object), prefix(std::move(name)) {
  if (json.is_object())
    return;
  badField = prefix.substr(0, prefix.rfind('.'));
  message = format("'%s' is %s, it has to be an object", badField.c_str(),
                   shown(json).c_str());
  json = Json::object();
}

void Fields::fail(const char *name, std::string what) {
  if (failed())
    return;
  badField = called(name);
  message = std::move(what);
}

bool Fields::has(const char *name) const {
  auto found = json.find(name);
  return found != json.end() && !found->is_null();
}

bool Fields::isOff(const Json &value) {
  return (value.is_number() && value.get<double>() == 0) || value == false ||
         value == "" || value == "none" ||
         ((value.is_array() || value.is_object()) && value.empty());
}

const Json *Fields::find(const char *name, const char *wanted,
                         bool (Json::*is)() const noexcept) {
  if (failed() || !has(name))
    return nullptr;
  const Json &value = json[name];
  if ((value.*is)())
    return &value;
  fail(name, format("'%s' is %s, it has to be %s", called(name).c_str(),
                    shown(value).c_str(), wanted));
  return nullptr;
}

std::string Fields::text(const char *name, std::string otherwise,
                         size_t mostBytes) {
  const Json *value = find(name, "a string", &Json::is_string);
  if (!value)
    return otherwise;
  const auto &text = value->get_ref<const std::string &>();
  if (text.size() > mostBytes)
    fail(name, format("'%s' has %zu bytes, at most %zu are taken",
                      called(name).c_str(), text.size(), mostBytes));
  return text;
}

/// Whether a number is whole; `integer` is it.
static bool isWhole(const Json &value, int64_t &integer) {
  if (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX)
    return false;
  if (value.is_number_integer()) {
    integer = value.get<int64_t>();
    return true;
  }
  double number = value.get<double>();
  if (number < -0x1p63 || number >= 0x1p63)
    return false;
  integer = static_cast<int64_t>(number);
  return number == static_cast<double>(integer);
}

int64_t Fields::integer(const char *name, int64_t least, int64_t most,
                        int64_t otherwise) {
  const Json *value = find(name, "a whole number", &Json::is_number);
  if (!value)
    return otherwise;
  int64_t integer;
  if (isWhole(*value, integer) && integer >= least && integer <= most)
    return integer;
  fail(name,
       format("'%s' is %s, it has to be a whole number from %lld to %lld",
              called(name).c_str(), shown(*value).c_str(),
              static_cast<long long>(least), static_cast<long long>(most)));
  return otherwise;
}

double Fields::number(const char *name, double least, double most,
                      double otherwise) {
  const Json *value = find(name, "a number", &Json::is_number);
  if (!value)
    return otherwise;
  double number = value->get<double>();
  if (number >= least && number <= most)
    return number;
  fail(name, format("'%s' is %s, it has to be from %g to %g",
                    called(name).c_str(), shown(*value).c_str(), least, most));
  return otherwise;
}

bool Fields::flag(const char *name, bool otherwise) {
  const Json *value = find(name, "true or false", &Json::is_boolean);
  return value ? value->get<bool>() : otherwise;
}

std::vector<std::string> Fields::texts(const char *name, size_t most,
                                       size_t mostBytes) {
  std::vector<std::string> all;
  if (failed() || !has(name))
    return all;
  Json value = json[name];
  if (value.is_string())
    value = Json::array({value});
  bool isGood = value.is_array();
  for (size_t i = 0; isGood && i < value.size(); ++i)
    isGood = value[i].is_string();
  if (!isGood) {
    fail(name, format("'%s' is %s, it has to be a string or some of them",
                      called(name).c_str(), shown(json[name]).c_str()));
    return all;
  }
  if (value.size() > most) {
    fail(name, format("'%s' has %zu strings, at most %zu are taken",
                      called(name).c_str(), value.size(), most));
    return all;
  }
  for (const Json &each : value) {
    all.push_back(each.get<std::string>());
    if (all.back().size() > mostBytes)
      fail(name, format("a string of '%s' has %zu bytes, at most %zu are taken",
                        called(name).c_str(), all.back().size(), mostBytes));
  }
  return all;
}

std::vector<int32_t> Fields::ids(const char *name, int64_t vocabulary) {
  std::vector<int32_t> all;
  const Json *value = find(name, "a list of token ids", &Json::is_array);
  if (!value)
    return all;
  for (const Json &each : *value) {
    int64_t id;
    if (!each.is_number() || !isWhole(each, id) || id < 0 || id >= vocabulary) {
      fail(name,
           format("'%s' holds %s, it has to hold token ids from 0 to %lld",
                  called(name).c_str(), shown(each).c_str(),
                  static_cast<long long>(vocabulary - 1)));
      return {};
    }
    all.push_back(static_cast<int32_t>(id));
  }
  return all;
}
