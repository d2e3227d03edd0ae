//===- FieldsTest.cpp - tests of reading JSON requests ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Types, ranges, and texts that mean no good. The runtime is compiled without
// exceptions: whatever throws ends the process, and this test with it.
//
//===----------------------------------------------------------------------===//

#include "runtime/serve/Fields.h"

#include <cmath>
#include <ctime>
#include <gtest/gtest.h>

using namespace fpmoe;

static std::string repeat(const std::string &text, size_t count) {
  std::string all;
  for (size_t i = 0; i < count; ++i)
    all += text;
  return all;
}

/// Reads {"a": VALUE}, which fails for the field `a`.
template <typename Read>
static void expectError(const std::string &value, Read read,
                        const std::string &message) {
  Fields fields("{\"a\": " + value + "}");
  ASSERT_FALSE(fields.failed()) << fields.error();
  read(fields);
  EXPECT_EQ(fields.error(), message);
  EXPECT_EQ(fields.field(), "a");
}

static std::string errorOf(const std::string &text) {
  Fields fields(text);
  EXPECT_EQ(fields.field(), "");
  // Nothing is read of what is wrong as a whole.
  EXPECT_FALSE(fields.has("a"));
  EXPECT_EQ(fields.text("a", "none"), "none");
  EXPECT_EQ(fields.integer("a", 0, 1, 7), 7);
  EXPECT_EQ(fields.number("a", 0, 1, 0.5), 0.5);
  EXPECT_TRUE(fields.flag("a", true));
  EXPECT_TRUE(fields.texts("a", 1, 1).empty());
  EXPECT_TRUE(fields.ids("a", 10).empty());
  return fields.error();
}

TEST(FieldsTest, valuesOfEachType) {
  Fields fields(R"( {"text": "é\u0000\n", "whole": 5, "half": 0.5, "yes": true,
                     "one": "x", "some": ["x", ""], "ids": [0, 9, 3.0]} )");
  EXPECT_EQ(fields.text("text"), std::string("é\0\n", 4));
  EXPECT_EQ(fields.integer("whole", 0, 9, 1), 5);
  EXPECT_EQ(fields.number("half", 0, 1, 0), 0.5);
  EXPECT_EQ(fields.number("whole", 0, 9, 0), 5);
  EXPECT_TRUE(fields.flag("yes", false));
  EXPECT_EQ(fields.texts("one", 1, 1), std::vector<std::string>{"x"});
  EXPECT_EQ(fields.texts("some", 2, 1), (std::vector<std::string>{"x", ""}));
  EXPECT_EQ(fields.ids("ids", 10), (std::vector<int32_t>{0, 9, 3}));
  EXPECT_FALSE(fields.failed()) << fields.error();
}

TEST(FieldsTest, whatIsNotGivenOrNull) {
  for (const char *text : {"{}", R"({"a": null})"}) {
    Fields fields(text);
    EXPECT_FALSE(fields.has("a"));
    EXPECT_EQ(fields.text("a"), "");
    EXPECT_EQ(fields.text("a", "b", 0), "b");
    EXPECT_EQ(fields.integer("a", 0, 1, -7), -7);
    EXPECT_EQ(fields.number("a", 0, 1, 99), 99);
    EXPECT_TRUE(fields.flag("a", true));
    EXPECT_TRUE(fields.texts("a", 0, 0).empty());
    EXPECT_TRUE(fields.ids("a", 0).empty());
    EXPECT_FALSE(fields.failed());
  }
}

TEST(FieldsTest, wrongTypes) {
  auto text = [](Fields &fields) { EXPECT_EQ(fields.text("a", "d"), "d"); };
  auto whole = [](Fields &f) { EXPECT_EQ(f.integer("a", 0, 9, 3), 3); };
  auto number = [](Fields &f) { EXPECT_EQ(f.number("a", 0, 9, 3), 3); };
  auto flag = [](Fields &fields) { EXPECT_FALSE(fields.flag("a", false)); };
  auto texts = [](Fields &f) { EXPECT_TRUE(f.texts("a", 9, 9).empty()); };
  auto ids = [](Fields &f) { EXPECT_TRUE(f.ids("a", 9).empty()); };
  for (std::string value : {"5", "0.5", "true", "\"5\"", "[]", "[5]", "[\"x\"]",
                            "[[0]]", "[null]", "[true]", "{}", R"({"a":5})"}) {
    std::string is = "'a' is " + value + ", it has to be ";
    bool isNumber = value == "5" || value == "0.5", isList = value[0] == '[';
    if (value != "\"5\"")
      expectError(value, text, is + "a string");
    if (value == "0.5")
      expectError(value, whole, is + "a whole number from 0 to 9");
    if (!isNumber) {
      expectError(value, whole, is + "a whole number");
      expectError(value, number, is + "a number");
    }
    if (value != "true")
      expectError(value, flag, is + "true or false");
    if (value != "\"5\"" && value != "[]" && value != "[\"x\"]")
      expectError(value, texts, is + "a string or some of them");
    if (!isList)
      expectError(value, ids, is + "a list of token ids");
    else if (value != "[]" && value != "[5]")
      expectError(value, ids,
                  "'a' holds " + value.substr(1, value.size() - 2) +
                      ", it has to hold token ids from 0 to 8");
  }
}

TEST(FieldsTest, rangesOfWholeNumbers) {
  auto read = [](const std::string &value, int64_t least, int64_t most) {
    Fields fields("{\"a\": " + value + "}");
    int64_t read = fields.integer("a", least, most, -77);
    EXPECT_EQ(read == -77, fields.failed()) << value;
    return read;
  };
  EXPECT_EQ(read("-1", -1, 5), -1);
  EXPECT_EQ(read("5", -1, 5), 5);
  EXPECT_EQ(read("5.0", -1, 5), 5);
  EXPECT_EQ(read("5e0", -1, 5), 5);
  EXPECT_EQ(read("-0.0", -1, 5), 0);
  for (const char *value :
       {"-2", "6", "5.5", "-1.0000001", "1e308", "-1e308", "1e19", "2147483648",
        "18446744073709551615", "18446744073709551616", "4.9e-324"})
    EXPECT_EQ(read(value, -1, 5), -77) << value;
  // To the last of them, exactly.
  EXPECT_EQ(read("9223372036854775807", INT64_MIN, INT64_MAX), INT64_MAX);
  EXPECT_EQ(read("-9223372036854775808", INT64_MIN, INT64_MAX), INT64_MIN);
  EXPECT_EQ(read("9007199254740993", 0, INT64_MAX), 9007199254740993);
  EXPECT_EQ(read("-9.2233720368547758e18", INT64_MIN, 0), INT64_MIN);
  for (const char *value :
       {"9223372036854775808", "-9.3e18", "9.2233720368547758e18", "1e300"})
    EXPECT_EQ(read(value, INT64_MIN, INT64_MAX), -77) << value;
  expectError(
      "1e308", [](Fields &f) { f.integer("a", -1, INT32_MAX, 0); },
      "'a' is 1e+308, it has to be a whole number from -1 to 2147483647");
}

TEST(FieldsTest, rangesOfNumbers) {
  auto read = [](const std::string &value) {
    Fields fields("{\"a\": " + value + "}");
    double read = fields.number("a", -1.5, 2, 77);
    EXPECT_EQ(read == 77, fields.failed()) << value;
    return read;
  };
  EXPECT_EQ(read("-1.5"), -1.5);
  EXPECT_EQ(read("2"), 2);
  EXPECT_EQ(read("1e-400"), 0);
  for (const char *value : {"-1.6", "2.0000001", "1e308", "-1e308",
                            "18446744073709551615", "-9223372036854775808"})
    EXPECT_EQ(read(value), 77) << value;
  expectError(
      "1e308", [](Fields &f) { f.number("a", 0, 100, 0); },
      "'a' is 1e+308, it has to be from 0 to 100");
}

TEST(FieldsTest, whatIsNotJson) {
  const char *const message = "the body is not JSON in UTF-8";
  for (const char *text : {"",
                           " ",
                           "{",
                           "}",
                           "{\"a\"}",
                           "{\"a\": }",
                           "{\"a\": 1,}",
                           "{a: 1}",
                           "{'a': 1}",
                           "{\"a\": 1} x",
                           "{\"a\": 1}{}",
                           "{\"a\": NaN}",
                           "{\"a\": nan}",
                           "{\"a\": Infinity}",
                           "{\"a\": -Infinity}",
                           "{\"a\": 1e999}",
                           "{\"a\": -1e999}",
                           "{\"a\": 01}",
                           "{\"a\": +1}",
                           "{\"a\": .5}",
                           "{\"a\": 1.}",
                           "{\"a\": 0x1}",
                           "{\"a\": 1e}",
                           "{\"a\": TRUE}",
                           "{\"a\": \"\n\"}",
                           "{\"a\": \"\\x41\"}",
                           "{\"a\": \"\\u12\"}",
                           "{\"a\": \"\\ud800\"}",
                           "{\"a\": \"\\udc00\\ud800\"}",
                           "/**/{}",
                           "{} // x",
                           "{\"a\": 1]",
                           "a=b&c=d",
                           "<?xml version=\"1.0\"?>"})
    EXPECT_EQ(errorOf(text), message) << text;
  EXPECT_EQ(errorOf(std::string("{\"a\": 1}\0{", 10)), message);
  EXPECT_EQ(errorOf(std::string("{\"a\": \"\0\"}", 10)), message);
  EXPECT_EQ(errorOf(std::string("\0", 1)), message);
  EXPECT_EQ(errorOf("[1]"), "the body is a JSON array, it has to be an object");
  EXPECT_EQ(errorOf("\"a\""),
            "the body is a JSON string, it has to be an object");
  EXPECT_EQ(errorOf("null"), "the body is a JSON null, it has to be an object");
  EXPECT_EQ(errorOf("7"), "the body is a JSON number, it has to be an object");
}

TEST(FieldsTest, whatIsNotUtf8) {
  for (const char *bytes :
       {"\xff", "\xc3", "\xc3(", "\x80", "\xc0\x80", "\xe2\x82", "\xed\xa0\x80",
        "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "caf\xe9"}) {
    std::string text = bytes;
    EXPECT_EQ(errorOf("{\"a\": \"" + text + "\"}"),
              "the body is not JSON in UTF-8");
    EXPECT_EQ(errorOf("{\"" + text + "\": 1}"),
              "the body is not JSON in UTF-8");
  }
  Fields fields("\xef\xbb\xbf{\"a\": \"\\ud83d\\ude00\xf0\x9f\x98\x80\"}");
  EXPECT_EQ(fields.text("a"), "\xf0\x9f\x98\x80\xf0\x9f\x98\x80");
}

TEST(FieldsTest, nesting) {
  auto nested = [](size_t depth) {
    return "{\"a\": " + repeat("[", depth - 1) + repeat("]", depth - 1) + "}";
  };
  EXPECT_FALSE(Fields(nested(32)).failed());
  const char *const message = "the JSON is nested more than 32 deep";
  EXPECT_EQ(errorOf(nested(33)), message);
  EXPECT_EQ(errorOf(nested(100000)), message);
  EXPECT_EQ(errorOf(repeat("{\"a\":", 100000)), message);
  EXPECT_EQ(errorOf(repeat("[", 4 << 20)), message);
  EXPECT_EQ(errorOf(repeat("]", 100000) + repeat("[", 100000)),
            "the body is not JSON in UTF-8");
  // Brackets in strings are text, behind an escaped quote too.
  Fields fields(R"({"a\"": "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"[[[[\\", )"
                R"("b": 1})");
  EXPECT_EQ(fields.integer("b", 0, 1, 0), 1) << fields.error();
  EXPECT_EQ(errorOf("{\"a\\\\\": " + repeat("[", 40)), message);
}

TEST(FieldsTest, ofDuplicatesTheLast) {
  Fields fields(R"({"a": "x", "a": [], "a": 3})");
  EXPECT_EQ(fields.integer("a", 0, 9, 0), 3);
  EXPECT_EQ(Fields(R"({"a": 1, "a": null})").integer("a", 0, 9, 7), 7);
}

TEST(FieldsTest, onlyTheFirstErrorIsTold) {
  Fields fields(R"({"a": 1, "b": "x", "c": 2})");
  EXPECT_EQ(fields.integer("c", 0, 9, 0), 2);
  fields.integer("b", 0, 9, 0);
  fields.text("a");
  fields.fail("c", "something else");
  EXPECT_EQ(fields.error(), "'b' is \"x\", it has to be a whole number");
  EXPECT_EQ(fields.field(), "b");
  // Nothing is read any more.
  EXPECT_EQ(fields.integer("c", 0, 9, 0), 0);
}

TEST(FieldsTest, sizesOfTextsAreBounded) {
  expectError(
      "\"abcd\"", [](Fields &f) { f.text("a", "", 3); },
      "'a' has 4 bytes, at most 3 are taken");
  expectError(R"(["a", "b", "c"])", [](Fields &f) { f.texts("a", 2, 9); },
              "'a' has 3 strings, at most 2 are taken");
  expectError(R"(["a", "bcd"])", [](Fields &f) { f.texts("a", 2, 2); },
              "a string of 'a' has 3 bytes, at most 2 are taken");
  expectError(
      "[" + repeat("\"x\",", 9999) + "\"x\"]",
      [](Fields &f) { f.texts("a", 16, 256); },
      "'a' has 10000 strings, at most 16 are taken");
}

TEST(FieldsTest, idsOfTheVocabulary) {
  for (const char *id :
       {"-1", "10", "0.5", "1e308", "2147483648", "4294967296",
        "18446744073709551615", "-9223372036854775808", "null", "\"1\""}) {
    std::string shown = std::string(id) == "1e308" ? "1e+308" : id;
    expectError(
        std::string("[3, ") + id + ", 4]",
        [](Fields &f) { EXPECT_TRUE(f.ids("a", 10).empty()); },
        "'a' holds " + shown + ", it has to hold token ids from 0 to 9");
  }
}

TEST(FieldsTest, objectsInFields) {
  Fields outer(R"({"o": {"a": 1, "b": "x"}, "n": [1]})");
  Fields inner(outer.at("o"), "o.");
  EXPECT_EQ(inner.integer("a", 0, 9, 0), 1);
  inner.integer("b", 0, 9, 0);
  EXPECT_EQ(inner.error(), "'o.b' is \"x\", it has to be a whole number");
  EXPECT_EQ(inner.field(), "o.b");
  for (const char *value : {"[1]", "5", "true", "\"text\"", "[[]]"}) {
    Fields given(std::string("{\"o\": ") + value + "}");
    Fields options(given.at("o"), "o.");
    EXPECT_FALSE(options.has("a"));
    EXPECT_TRUE(options.flag("a", true));
    EXPECT_EQ(options.error(),
              std::string("'o' is ") + value + ", it has to be an object");
    EXPECT_EQ(options.field(), "o");
  }
}

TEST(FieldsTest, messagesAreShortAndWhole) {
  auto shown = [](const std::string &value) {
    Fields fields("{\"a\": " + value + "}");
    fields.flag("a", false);
    std::string error = fields.error();
    EXPECT_LT(error.size(), 100u);
    // It is UTF-8, so nothing is replaced when it is told.
    EXPECT_EQ(Json::parse(toText(error)).get<std::string>(), error);
    return error.substr(7, error.find(", it has") - 7);
  };
  EXPECT_EQ(shown("\"" + repeat("x", 1000) + "\""),
            "\"" + repeat("x", 39) + "...");
  // Characters of two, three and four bytes, cut at every place.
  for (const char *character : {"é", "€", "😀"})
    for (size_t before = 0; before < 5; ++before) {
      std::string text =
          shown("\"" + repeat("x", before) + repeat(character, 100) + "\"");
      EXPECT_EQ(text.substr(text.size() - 3), "...");
      EXPECT_GE(text.size(), 36u);
    }
  EXPECT_EQ(shown("[1,2 , {\"b\" : []}]"), "[1,2,{\"b\":[]}]");
}

TEST(FieldsTest, hugeRequestsAreReadSoon) {
  clock_t start = clock();
  size_t most = 4 << 20;
  Fields numbers("{\"a\": [" + repeat("1,", most / 2 - 8) + "1]}");
  EXPECT_EQ(numbers.ids("a", 2).size(), most / 2 - 7);
  Fields lists("{\"a\": [" + repeat("[],", most / 3 - 8) + "[]]}");
  EXPECT_TRUE(lists.ids("a", 2).empty());
  EXPECT_EQ(lists.error(),
            "'a' holds [], it has to hold token ids from 0 to 1");
  Fields members("{" + repeat("\"a\":1,", most / 6 - 8) + "\"a\":0}");
  EXPECT_EQ(members.integer("a", 0, 1, 7), 0);
  Fields text("{\"a\": \"" + repeat("\\n", most / 2 - 8) + "\"}");
  EXPECT_EQ(text.text("a").size(), most / 2 - 8);
  Fields other("{\"a\": \"" + repeat("x", most) + "\"}");
  other.flag("a", false);
  EXPECT_TRUE(other.failed());
  EXPECT_LT(double(clock() - start) / CLOCKS_PER_SEC, 20);
}

TEST(ToTextTest, isAlwaysUtf8) {
  EXPECT_EQ(toText({{"a", "\xff\xc3"}}), "{\"a\":\"\ufffd\ufffd\"}");
  EXPECT_EQ(toText({{"a", "\x01\x7f\"\\é"}}),
            "{\"a\":\"\\u0001\x7f\\\"\\\\é\"}");
  EXPECT_EQ(toText({{"a", NAN}, {"b", INFINITY}}), R"({"a":null,"b":null})");
}
