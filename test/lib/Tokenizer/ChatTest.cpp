//===- ChatTest.cpp - where chat templates are, and what they are -*- C++
//-*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What families write is compared with transformers in
// test/runtime/tokenizer/ChatTemplateTest.cpp.
//
//===----------------------------------------------------------------------===//
#include "lib/Tokenizer/Chat.h"
#include "lib/Checkpoint/Gguf.h"
#include "lib/Tokenizer/ChatFamilies.h"
#include "lib/Tokenizer/TemplateTokens.h"
#include "lib/Tokenizer/Tokenizer.h"
#include "runtime/tokenizer/ChatTemplate.h"
#include "test/lib/Checkpoint/GgufSupport.h"

#include "llvm/ADT/StringExtras.h"

using namespace fpmoe;
using namespace fpmoe::test;
using namespace llvm;

namespace {

ChatSource readFrom(const TemporaryDirectory &directory) {
  Expected<ChatSource> source = readChatSource(directory.str());
  EXPECT_TRUE(bool(source)) << toString(source.takeError());
  return source ? *source : ChatSource();
}

TEST(ChatSource, IsInOneOfTwoFiles) {
  TemporaryDirectory directory;
  EXPECT_FALSE(readFrom(directory).text);
  directory.write("tokenizer_config.json",
                  R"({"bos_token": "<s>", "eos_token": {"content": "</s>"}})");
  EXPECT_FALSE(readFrom(directory).text);
  EXPECT_EQ(readFrom(directory).beginToken, "<s>");
  EXPECT_EQ(readFrom(directory).endToken, "</s>");
  directory.write("tokenizer_config.json",
                  R"({"chat_template": "a", "bos_token": null})");
  EXPECT_EQ(readFrom(directory).text, "a");
  EXPECT_EQ(readFrom(directory).file, directory / "tokenizer_config.json");
  EXPECT_EQ(readFrom(directory).beginToken, "");
  directory.write("chat_template.jinja", "b\n");
  EXPECT_EQ(readFrom(directory).text, "b\n");
  EXPECT_EQ(readFrom(directory).file, directory / "chat_template.jinja");
}

TEST(ChatSource, OfSeveralTakesTheDefault) {
  TemporaryDirectory directory;
  directory.write("tokenizer_config.json", R"({"chat_template": [
      {"name": "tool_use", "template": "a"},
      {"name": "default", "template": "b"}]})");
  EXPECT_EQ(readFrom(directory).text, "b");
  // Some, but none for conversations alone: that is not no template.
  directory.write("tokenizer_config.json", R"({"chat_template": [
      {"name": "tool_use", "template": "a"}]})");
  EXPECT_EQ(readFrom(directory).text, "");
}

TEST(ChatSource, DamagedFiles) {
  TemporaryDirectory directory;
  std::string path = directory / "tokenizer_config.json";
  auto fault = [&](StringRef text) {
    directory.write("tokenizer_config.json", text);
    return message(readChatSource(directory.str()));
  };
  EXPECT_TRUE(StringRef(fault("{")).starts_with(path + ":1:2: "));
  std::string wanted = path + ": chat_template must be a string, or a list of "
                              "objects with 'name' and 'template'";
  EXPECT_EQ(fault(R"({"chat_template": {}})"), wanted);
  wanted = path + ": an element of chat_template must be an object with the "
                  "strings 'name' and 'template'";
  for (StringRef element :
       {"5", "{}", R"({"name": "default"})", R"({"name": 5, "template": "a"})"})
    EXPECT_EQ(fault(("{\"chat_template\": [" + element + "]}").str()), wanted);
}

TEST(ChatSource, OfAGgufFile) {
  auto parse = [](std::vector<std::string> keys) {
    keys.push_back(ggufStrings("tokenizer.ggml.tokens", {"a", "<s>", "</s>"}));
    auto file = parseGguf(ggufFile(keys, {}, 0), "m.gguf");
    EXPECT_TRUE(bool(file)) << toString(file.takeError());
    return std::move(file->metadata);
  };
  auto id = [](const char *name, uint32_t value) {
    return ggufKey("tokenizer.ggml." + std::string(name), kU32, raw(value));
  };
  std::string text =
      ggufKey("tokenizer.chat_template", kString, ggufString("t"));
  Expected<ChatSource> source = readChatSource(
      parse({text, id("bos_token_id", 1), id("eos_token_id", 2)}));
  ASSERT_TRUE(bool(source));
  EXPECT_EQ(source->text, "t");
  EXPECT_EQ(source->file, "m.gguf: tokenizer.chat_template");
  EXPECT_EQ(source->beginToken, "<s>");
  EXPECT_EQ(source->endToken, "</s>");
  // An id that is none names nothing.
  source = readChatSource(parse({id("bos_token_id", 3)}));
  ASSERT_TRUE(bool(source));
  EXPECT_FALSE(source->text);
  EXPECT_EQ(source->beginToken, "");
  EXPECT_EQ(
      message(readChatSource(
          parse({ggufKey("tokenizer.chat_template", kU32, raw(uint32_t(1)))}))),
      "m.gguf: tokenizer.chat_template is the U32 1, it must be a STRING");
}

/// What is no UTF-8 does not get into the tables of a program.
TEST(ChatSource, HasToBeUtf8) {
  auto tokens = [](StringRef id, StringRef text) {
    return (R"({"id": )" + id + R"(, "content": ")" + text +
            R"(", "special": true, "normalized": false})")
        .str();
  };
  std::vector<uint8_t> tables = cantFail(compileTokenizerText(
      R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []},
          "added_tokens": [)" +
          tokens("1", "<|im_start|>") + "," + tokens("2", "<|im_end|>") + "]}",
      "tokenizer.json", 3));
  std::string text = getChatFamilies()[0].templates[2].str();
  for (auto [system, isKnown] :
       {std::pair("\xc3\xa9", true), std::pair("\xc3", false)}) {
    std::string given = text;
    given.replace(given.find("$SYSTEM"), 7, system);
    std::string note;
    std::vector<uint8_t> program = tables;
    cantFail(addChat(program, ChatSource{"f", given, "", ""}, std::nullopt,
                     [&](const Twine &what) { note = what.str(); }));
    EXPECT_EQ(note.empty(), isKnown) << note;
    Tokenizer tokenizer;
    std::string error;
    ASSERT_TRUE(
        Tokenizer::create(program.data(), program.size(), tokenizer, error))
        << error;
    EXPECT_EQ(ChatTemplate(&tokenizer).isKnown(), isKnown);
  }
}

/// The tokens of a template, as text.
std::string tokensOf(StringRef text) {
  std::optional<std::vector<TemplateToken>> tokens = readTemplate(text);
  if (!tokens)
    return "none";
  std::string all;
  for (const TemplateToken &token : *tokens) {
    static const char *const kinds[] = {"\"", "{{", "{%", "", "'"};
    all +=
        (all.empty() ? "" : " ") + std::string(kinds[token.kind]) + token.text;
  }
  return all;
}

/// As Jinja reads them where trim_blocks and lstrip_blocks are set.
TEST(TemplateTokens, AreThoseOfJinja) {
  struct {
    const char *text, *tokens;
  } cases[] = {
      {"", ""},
      {"a", "\"a"},
      {"a\n", "\"a"},
      {"a\n\n", "\"a\n"},
      {" {{ x }}\n y", "\"  {{ x \"\n y"},
      {" {{- x -}}\n y", "{{ x \"y"},
      {"a\n  {% if x %}\n  b\n  {% endif %}\n",
       "\"a\n {% if x \"  b\n {% endif"},
      {"a {% if x %} b{% endif %}", "\"a  {% if x \" b {% endif"},
      {"  {%+ if x +%}\nb{% endif %}", "\"   {% if x \"\nb {% endif"},
      {"{% if x %}\n  {% if y %}\n\nc", "{% if x {% if y \"\nc"},
      {"a\n{# b #}\nc {#- d -#} e", "\"a\nce"},
      // One and the same in several ways.
      {"{{ x.y + 'a' + (\"b\") }}c", "{{ x [ 'y ] \"abc"},
      {"{{ x['y'] }}{{ 'abc' }}", "{{ x [ 'y ] \"abc"},
      {"{{ x.strip() ~ x | trim }}", "{{ x | trim {{ x | trim"},
      {"{% if (x) %}{% if (x) or (y) %}", "{% if x {% if ( x ) or ( y )"},
      {"{{ raise_exception('a') }}", "{{ raise_exception ( )"},
      {"{{ 'it\\'s\\n\\t\\\\' }}", "\"it's\n\t\\"},
      // And what is something else.
      {"{{ (x + y) | trim }}", "{{ ( x + y ) | trim"},
      {"{{ x + 1 if y else z }}", "{{ x + 1 if y else z"},
      {"{{ x.strip('a') }}", "{{ x . strip ( 'a )"},
      {"{{ {'a': 1}}}", "{{ { 'a : 1 }"},
      {"{{ x", "none"},
      {"{% x }}", "none"},
      {"{# x", "none"},
      {"{{ 'x }}", "none"},
      {"{{ '\\x41' }}", "none"},
      {"{{ x\u00e9 }}", "none"},
      {"a\r\n", "none"},
  };
  for (const auto &test : cases)
    EXPECT_EQ(tokensOf(test.text), test.tokens) << test.text;
}

TEST(TemplateTokens, MatchPatterns) {
  struct {
    const char *pattern, *text, *system; // joined by |; null: it does not
  } cases[] = {
      {"a{{ x }}", "a{{x}}", ""},
      {"a{{ x }}", "a{{x}}b", nullptr},
      {"a{{ x }}b", "a{{x}}", nullptr},
      {"a{{ x }}", "a{%x%}", nullptr},
      {"{{ x }}", "{{ 'x' }}", nullptr},
      {"<$SYSTEM>{{ x }}", "{{ '<a b>' }}{{ x }}", "a b"},
      {"<$SYSTEM>{{ x }}", "<>{{ x }}", nullptr},
      {"<$SYSTEM>{{ x }}", "<a{{ x }}", nullptr},
      {"<$SYSTEM>{{ x }}", "a>{{ x }}", nullptr},
      {"{% if t %}...{% endif %}b", "{% if t %}{% endif %}b", ""},
      {"{% if t %}...{% endif %}b",
       "{% if t %}{% if u %}x{% else %}y{% endif %}"
       "{% for z in t %}{% else %}{% endfor %}{% endif %}b",
       ""},
      {"{% if t %}...{% endif %}b", "{% if t %}x{% else %}y{% endif %}b",
       nullptr},
      {"{% if t %}...{% else %}y{% endif %}",
       "{% if t %}x{% elif u %}z{% else %}y{% endif %}", nullptr},
      {"{% if t %}...{% endif %}b", "{% if t %}x", nullptr},
      {"{% set a = '$SYSTEM' + b + '$SYSTEM' %}", "{% set a = 'x' + b + 'y' %}",
       "x|y"},
      {"{% set a = '$SYSTEM' + b + '$SYSTEM' %}", "{% set a = 'x' + c + 'y' %}",
       nullptr},
      {"{% set a = '$SYSTEM' + b + '$SYSTEM' %}", "{% set a = 'x' + b + '' %}",
       nullptr},
      {"{% macro m(x) %}...{% endmacro %}b",
       "{% macro m(x) %}{% for y in x %}{% endfor %}{% endmacro %}b", ""},
      {"{% macro m(x) %}...{% endmacro %}b",
       "{% macro m(x) %}{% macro n() %}a{% endmacro %}{% endmacro %}b", ""},
      {"{% macro m(x) %}...{% endmacro %}b",
       "{% macro m(x) %}{% endmacro %}{{ m(1) }}b", nullptr},
  };
  for (const auto &test : cases) {
    std::vector<std::string> system;
    EXPECT_EQ(matchTemplate(*readTemplate(test.pattern),
                            *readTemplate(test.text), system),
              test.system != nullptr)
        << test.pattern << " " << test.text;
    if (test.system) {
      EXPECT_EQ(llvm::join(system, "|"), test.system);
    }
  }
}

TEST(ChatFamilies, HaveNamesAndPatterns) {
  for (const ChatFamily &family : getChatFamilies()) {
    EXPECT_EQ(cantFail(ChatChoice::create(family.name, "here")).name,
              family.name);
    EXPECT_FALSE(family.templates.empty());
    for (StringRef pattern : family.templates)
      EXPECT_TRUE(readTemplate(pattern)) << pattern.str();
  }
  EXPECT_EQ(cantFail(ChatChoice::create("none", "here")).name, "none");
  EXPECT_EQ(message(ChatChoice::create("", "here")),
            "here is '', it must be " + listChatChoices());
  EXPECT_EQ(message(ChatChoice::create("gpt", "f:1:2: 'chat_template'")),
            "f:1:2: 'chat_template' is 'gpt', it must be " + listChatChoices());
}

} // namespace
