//===- TomlTable.cpp - typed members of a TOML table ------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TomlTable.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Assembly/TomlTable.h"

#include "lib/Checkpoint/Input.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace llvm;

namespace fpmoe {

const toml::node *TomlTable::get(StringRef key) {
  if (!is_contained(known, key))
    known.push_back(key.str());
  return table.get(std::string_view(key.data(), key.size()));
}

Error TomlTable::errorAt(const toml::source_region &region,
                         const Twine &what) const {
  return fileError((fileName + ":" + Twine(region.begin.line) + ":" +
                    Twine(region.begin.column))
                       .str(),
                   what);
}

Error TomlTable::wrong(const toml::node &node, StringRef key,
                       const Twine &wanted) const {
  return errorAt(node.source(), quoted(key) + " must be " + wanted);
}

Expected<Located> TomlTable::readString(const toml::node &node,
                                        StringRef key) const {
  const auto *value = node.as_string();
  if (!value || value->get().empty() || StringRef(value->get()).contains('\0'))
    return wrong(node, key, "a string that is not empty, without NUL");
  return Located{value->get(), node.source().begin.line,
                 node.source().begin.column};
}

Error TomlTable::string(StringRef key, Located &out) {
  const toml::node *node = get(key);
  if (!node)
    return Error::success();
  Expected<Located> value = readString(*node, key);
  if (!value)
    return value.takeError();
  out = *value;
  return Error::success();
}

Error TomlTable::required(StringRef key, Located &out) {
  if (Error e = string(key, out))
    return e;
  return out.empty() ? errorAt(table.source(), quoted(key) + " is missing")
                     : Error::success();
}

Error TomlTable::strings(StringRef key, std::vector<Located> &out) {
  return array(key, "strings", [&](const toml::node &element) -> Error {
    Expected<Located> value = readString(element, key);
    if (!value)
      return value.takeError();
    out.push_back(*value);
    return Error::success();
  });
}

Error TomlTable::boolean(StringRef key, bool &out) {
  const toml::node *node = get(key);
  if (!node)
    return Error::success();
  if (!node->is_boolean())
    return wrong(*node, key, "true or false");
  out = node->as_boolean()->get();
  return Error::success();
}

Error TomlTable::integer(StringRef key, int64_t &out, int64_t min,
                         int64_t max) {
  const toml::node *node = get(key);
  if (!node)
    return Error::success();
  const auto *value = node->as_integer();
  if (!value || value->get() < min || value->get() > max)
    return wrong(*node, key,
                 (value ? "between " : "a whole number between ") +
                     std::to_string(min) + " and " + std::to_string(max) +
                     (value ? ", it is " + std::to_string(value->get()) : ""));
  out = value->get();
  return Error::success();
}

/// A number as it is written, not as the nearest double.
static std::string show(double value) {
  std::string text;
  raw_string_ostream(text) << format("%g", value);
  return text;
}

Error TomlTable::real(StringRef key, double &out, double min, double max) {
  const toml::node *node = get(key);
  if (!node)
    return Error::success();
  if (!node->is_floating_point() && !node->is_integer())
    return wrong(*node, key, "a number");
  double value = node->is_integer()
                     ? static_cast<double>(node->as_integer()->get())
                     : node->as_floating_point()->get();
  if (!(value > min && value <= max))
    return wrong(*node, key,
                 "above " + show(min) + " and at most " + show(max) +
                     ", it is " + show(value));
  out = value;
  return Error::success();
}

Error TomlTable::choice(StringRef key, ArrayRef<StringRef> names, unsigned &out,
                        Located *place) {
  Located value;
  if (Error e = string(key, value))
    return e;
  if (value.empty())
    return Error::success();
  if (place)
    *place = value;
  const auto *found = llvm::find(names, StringRef(value));
  if (found == names.end())
    return errorAt(
        table.get(std::string_view(key.data(), key.size()))->source(),
        quoted(key) + " is " + quoted(value) + ", known are " +
            join(map_range(names, quoted), ", "));
  out = found - names.begin();
  return Error::success();
}

Error TomlTable::inner(StringRef key,
                       function_ref<Error(const toml::table &)> read) {
  const toml::node *node = get(key);
  if (!node)
    return Error::success();
  if (!node->is_table())
    return wrong(*node, key, "a table");
  return read(*node->as_table());
}

Error TomlTable::array(StringRef key, StringRef wanted,
                       function_ref<Error(const toml::node &)> read) {
  const toml::node *node = get(key);
  if (!node)
    return Error::success();
  if (!node->is_array())
    return wrong(*node, key, "an array of " + wanted);
  for (const toml::node &element : *node->as_array())
    if (Error e = read(element))
      return e;
  return Error::success();
}

Error TomlTable::finish() {
  for (auto &&[key, node] : table)
    if (!is_contained(known, StringRef(key.str())))
      return errorAt(
          key.source(),
          "unknown key " + quoted(key.str()) + ", known here are " +
              join(map_range(known, [](StringRef k) { return quoted(k); }),
                   ", "));
  return Error::success();
}

} // namespace fpmoe
