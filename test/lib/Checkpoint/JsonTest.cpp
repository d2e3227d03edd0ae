//===- JsonTest.cpp - tests of the strict JSON reader -----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each test has one fault that a lenient parser lets pass, and its message.
//
//===----------------------------------------------------------------------===//

#include "lib/Checkpoint/Json.h"

#include "test/lib/Checkpoint/Support.h"

using namespace fpmoe;
using namespace fpmoe::test;
using namespace llvm;

static std::string fault(StringRef text) {
  return message(parseJsonObject(text, "f.json"));
}

TEST(Json, ReadsEveryKindOfValue) {
  Expected<json::Object> object = parseJsonObject(
      " {\"a\": [1, -2.5e1, true, false, null], \"b\\u00e9\\ud83d\\ude00\": "
      "{\"\": \"\\n\\/\"}}\n",
      "f.json");
  ASSERT_TRUE(bool(object)) << toString(object.takeError());
  json::Object expected{{"a", json::Array{1, -25.0, true, false, nullptr}},
                        {"b\u00e9\U0001F600", json::Object{{"", "\n/"}}}};
  EXPECT_EQ(json::Value(std::move(*object)), json::Value(std::move(expected)));
}

TEST(Json, DuplicateKey) {
  EXPECT_EQ(fault("{\"a\": 1,\n \"b\": 2, \"\\u0061\": 3}"),
            "f.json:2:10: the key 'a' occurs twice");
}

TEST(Json, SameKeyInOtherObject) {
  EXPECT_EQ(fault("{\"a\": {\"a\": 1}, \"b\": {\"a\": 1}}"), "no error");
}

TEST(Json, NestingBomb) {
  EXPECT_EQ(fault("{\"a\":" + std::string(1000000, '[')),
            "f.json:1:70: values are nested more than 64 deep");
  EXPECT_EQ(
      fault("{\"a\":" + std::string(63, '[') + std::string(63, ']') + "}"),
      "no error");
}

TEST(Json, NestingBombOfObjects) {
  std::string text;
  for (int i = 0; i < 100000; ++i)
    text += "{\"a\":";
  EXPECT_EQ(fault(text), "f.json:1:322: values are nested more than 64 deep");
}

TEST(Json, NestingBombWhereValuesAreSkipped) {
  std::string text(1000000, '[');
  EXPECT_EQ(message(JsonReader(text, "f.json").skip()),
            "f.json:1:66: values are nested more than 64 deep");
}

TEST(Json, TooManyValues) {
  std::string text = "{\"a\":[0";
  for (int i = 0; i < 100000; ++i)
    text += ",0";
  EXPECT_EQ(fault(text + "]}"),
            "f.json:1:200003: the file has too many values");
}

TEST(Json, InvalidUtf8) {
  EXPECT_EQ(fault("{\"a\xff\": 1}"), "f.json:1:4: a string is not valid UTF-8");
  EXPECT_EQ(fault("{\"a\": \"\xc0\x80\"}"),
            "f.json:1:8: a string is not valid UTF-8");
}

TEST(Json, HalfASurrogatePair) {
  const char *error = "an escape names half of a surrogate pair";
  EXPECT_EQ(fault("{\"\\ud800\": 1}"), std::string("f.json:1:9: ") + error);
  EXPECT_EQ(fault("{\"\\ud800\\u0041\": 1}"),
            std::string("f.json:1:15: ") + error);
  EXPECT_EQ(fault("{\"\\udc00\": 1}"), std::string("f.json:1:9: ") + error);
}

TEST(Json, BadEscape) {
  EXPECT_EQ(fault("{\"\\x41\": 1}"), "f.json:1:4: invalid escape in a string");
  EXPECT_EQ(fault("{\"\\u12g4\": 1}"),
            "f.json:1:5: '\\u' must be followed by 4 hexadecimal digits");
  EXPECT_EQ(fault("{\"\\"), "f.json:1:4: invalid escape in a string");
}

TEST(Json, ControlCharacterInString) {
  EXPECT_EQ(fault("{\"a\nb\": 1}"),
            "f.json:1:4: a control character in a string");
  EXPECT_EQ(fault(StringRef("{\"a\0b\": 1}", 10)),
            "f.json:1:4: a control character in a string");
}

TEST(Json, InexactInteger) {
  EXPECT_EQ(fault("{\"a\": 9007199254740992}"), "no error");
  EXPECT_EQ(fault("{\"a\": 9007199254740993}"),
            "f.json:1:7: the number 9007199254740993 is beyond 2^53 and not "
            "exact in JSON");
  EXPECT_EQ(fault("{\"a\": -18446744073709551617}"),
            "f.json:1:7: the number -18446744073709551617 is beyond 2^53 and "
            "not exact in JSON");
}

TEST(Json, BadNumber) {
  EXPECT_EQ(fault("{\"a\": 01}"),
            "f.json:1:8: expected ',' or '}' after a value, found '1'");
  EXPECT_EQ(fault("{\"a\": -}"), "f.json:1:8: expected a digit of a number");
  EXPECT_EQ(fault("{\"a\": 1.}"), "f.json:1:9: expected a digit of a number");
  EXPECT_EQ(fault("{\"a\": 1e400}"),
            "f.json:1:7: the number 1e400 is beyond double precision");
  EXPECT_EQ(fault("{\"a\": NaN}"),
            "f.json:1:7: expected a JSON value, found 'N'");
  EXPECT_EQ(fault("{\"a\": 0." + std::string(100000, '1') + "}"),
            "f.json:1:100009: a number has more than 64 characters");
}

TEST(Json, Truncated) {
  EXPECT_EQ(fault(""),
            "f.json:1:1: the JSON text ends too early, expected a value");
  EXPECT_EQ(fault("{"),
            "f.json:1:2: the JSON text ends too early, expected '\"' "
            "to begin a string");
  EXPECT_EQ(fault("{\"a"), "f.json:1:4: the JSON text ends inside a string");
  EXPECT_EQ(fault("{\"a\": [1"), "f.json:1:9: the JSON text ends too early, "
                                 "expected ',' or ']' after an element");
  EXPECT_EQ(fault("{\"a\": tru"), "f.json:1:7: expected 'true'");
}

TEST(Json, MessagesDoNotDriveTheTerminal) {
  EXPECT_EQ(fault("\x9b"), "f.json:1:1: expected a JSON value, found "
                           "'\xef\xbf\xbd'");
  EXPECT_EQ(fault("{\"\\u001b\\u009b\\u007f\\u00e9\":1,"
                  "\"\\u001b\\u009b\\u007f\\u00e9\":1}"),
            "f.json:1:31: the key '\\x1b\\x9b\\x7f\u00e9' occurs twice");
  EXPECT_EQ(fault("{\"" + std::string(200, 'k') + "\":1,\"" +
                  std::string(200, 'k') + "\":1}"),
            "f.json:1:207: the key '" + std::string(120, 'k') +
                "...' occurs twice");
}

TEST(Json, TrailingComma) {
  EXPECT_EQ(fault("{\"a\": 1,}"),
            "f.json:1:9: expected '\"' to begin a string, found '}'");
}

TEST(Json, TextAfterTheEnd) {
  EXPECT_EQ(fault("{} {}"), "f.json:1:4: the JSON text goes on after its end");
}

TEST(Json, NotAnObject) {
  EXPECT_EQ(fault("[1]"), "f.json: is not a JSON object");
}
