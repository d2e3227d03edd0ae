//===- JsonTest.cpp - tests of writing JSON ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Escapes, numbers and nesting, and the units of the tables for people.
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/Json.h"
#include "runtime/cli/Units.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace fpmoe;

TEST(JsonTest, stringsAreEscaped) {
  EXPECT_EQ(jsonString("a\"\\\n\t\x01</script>"),
            R"("a\"\\\n\t\u0001\u003c/script>")");
  EXPECT_EQ(jsonString("é€😀"), "\"é€😀\"");
  EXPECT_EQ(jsonString("a\xff\xc3"), "\"a\xef\xbf\xbd\xef\xbf\xbd\"");
  EXPECT_EQ(jsonString(std::string("\0", 1)), R"("\u0000")");
}

static std::string number(double value) {
  JsonWriter json;
  json.value(value);
  return json.take();
}

TEST(JsonTest, numbersComeBackTheSame) {
  EXPECT_EQ(number(0), "0\n");
  EXPECT_EQ(number(0.1), "0.1\n");
  EXPECT_EQ(number(-1.5e300), "-1.5e+300\n");
  EXPECT_EQ(std::stod(number(M_PI)), M_PI);
  EXPECT_EQ(std::stod(number(1.0 / 3)), 1.0 / 3);
  EXPECT_EQ(number(NAN), "null\n");
  EXPECT_EQ(number(INFINITY), "null\n");
}

TEST(JsonTest, nesting) {
  JsonWriter json;
  json.beginObject();
  json.value("a", 1);
  json.value("text", "x");
  json.key("list");
  json.beginArray();
  json.value(int64_t(1) << 40);
  json.value(true);
  json.beginArray();
  json.endArray();
  json.endArray();
  json.key("inner");
  json.beginObject();
  json.value("b", 0.5);
  json.endObject();
  json.key("empty");
  json.beginObject();
  json.endObject();
  json.endObject();
  EXPECT_EQ(json.take(), R"({
  "a": 1,
  "text": "x",
  "list": [1099511627776, true, []],
  "inner": {
    "b": 0.5
  },
  "empty": {}
}
)");
}

TEST(UnitsTest, threeDigits) {
  EXPECT_EQ(bytesText(0), "0 bytes");
  EXPECT_EQ(bytesText(999), "999 bytes");
  EXPECT_EQ(bytesText(1000), "1.00 KB");
  EXPECT_EQ(bytesText(12345), "12.3 KB");
  EXPECT_EQ(bytesText(999950), "1.00 MB");
  EXPECT_EQ(bytesText(10.2e9), "10.2 GB");
  EXPECT_EQ(bytesText(5e15), "5000 TB");
  EXPECT_EQ(countText(5.03e9), "5.03 billion");
}
