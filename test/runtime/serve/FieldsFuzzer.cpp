//===- FieldsFuzzer.cpp - fuzz target of JSON requests ----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whatever the bytes are, each member reads as a value in its range, or gives
// an error that names it. Nothing throws, which would end the process.
//
//===----------------------------------------------------------------------===//

#include "runtime/serve/Fields.h"

#include <cmath>

using namespace fpmoe;

static void check(bool condition) {
  if (!condition)
    __builtin_trap();
}

static void checkError(const Fields &fields, const std::string &name) {
  if (!fields.failed()) {
    check(fields.field().empty());
    return;
  }
  check(fields.field() == name);
  // What a message quotes is short, and is UTF-8.
  check(fields.error().size() < 2 * name.size() + 200);
  check(Json::parse(toText(fields.error())).get<std::string>() ==
        fields.error());
}

/// Reads a member in all ways.
static void checkMember(const Fields &given, const char *key,
                        const std::string &name) {
  auto read = [&](auto how) {
    Fields fields = given;
    how(fields);
    checkError(fields, name);
    return !fields.failed();
  };
  read([&](Fields &fields) {
    std::string text = fields.text(key, "other", 20);
    check(fields.failed() || text.size() <= 20);
  });
  bool isSmall = read([&](Fields &fields) {
    int64_t number = fields.integer(key, -3, 1000, 7);
    check(number >= -3 && number <= 1000);
  });
  bool isLarge = read(
      [&](Fields &fields) { fields.integer(key, INT64_MIN, INT64_MAX, 7); });
  check(isLarge || !isSmall);
  read([&](Fields &fields) {
    double number = fields.number(key, -1, 1e300, 7);
    check(number >= -1 && number <= 1e300);
  });
  read([&](Fields &fields) { fields.flag(key, false); });
  read([&](Fields &fields) {
    std::vector<std::string> texts = fields.texts(key, 3, 10);
    check(texts.size() <= 3);
    for (const std::string &text : texts)
      check(fields.failed() || text.size() <= 10);
  });
  read([&](Fields &fields) {
    for (int32_t id : fields.ids(key, 300))
      check(id >= 0 && id < 300);
  });
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string text(reinterpret_cast<const char *>(data), size);
  Fields fields(text);
  checkError(fields, "");
  checkMember(fields, "prompt", fields.failed() ? "" : "prompt");
  if (fields.failed())
    return 0;
  // Written again it is the same.
  Fields again(toText(fields.all()));
  check(!again.failed() && again.all() == fields.all());
  size_t members = 0;
  for (auto each = fields.all().begin(); each != fields.all().end(); ++each) {
    const std::string &key = each.key();
    // Names of fields are constants, without zero bytes in them.
    if (++members > 8 || key.size() > 100 ||
        key.find('\0') != std::string::npos)
      continue;
    checkMember(fields, key.c_str(), key);
    Fields inner(each.value(), "options.");
    checkError(inner, "options");
    check(inner.failed() != each.value().is_object());
    checkMember(inner, "prompt", inner.failed() ? "options" : "options.prompt");
  }
  return 0;
}
