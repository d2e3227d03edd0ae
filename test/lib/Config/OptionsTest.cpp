//===- OptionsTest.cpp - tests of the reader of fpmoe.toml ------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every key once, and every way to get one wrong, with its position.
//
//===----------------------------------------------------------------------===//

#include "lib/Config/Options.h"

#include "test/lib/Checkpoint/Support.h"

#include "llvm/Support/MemoryBuffer.h"

using namespace fpmoe;
using namespace fpmoe::test;
using namespace llvm;

static std::string fault(StringRef text) {
  return message(parseOptions(text, "fpmoe.toml"));
}

TEST(Options, ReadsEveryKey) {
  auto options = parseOptions("ignore_config = [\"a\", \"b\"]\n"
                              "[experts]\n"
                              "names = [\"haskell\", \"c++\"]\n"
                              "[compile]\n"
                              "weights = \"bf16\"\n"
                              "target = \"cuda,cpu\"\n"
                              "cpu = \"native\"\n"
                              "gpu = \"sm_86\"\n"
                              "cache = \"f32\"\n"
                              "languages = [\"haskell\"]\n"
                              "prefill_tokens = 512\n"
                              "context = 131072\n"
                              "rope_scaling = \"yarn:4:32768\"\n"
                              "chat_template = \"llama3\"\n"
                              "static = true\n"
                              "weights_file = \"w.bin\"\n"
                              "[weights]\n"
                              "\"*down_proj\" = \"int8\"\n"
                              "\"*\" = \"int4\"\n",
                              "fpmoe.toml");
  ASSERT_TRUE(bool(options)) << toString(options.takeError());
  using Strings = std::vector<std::string>;
  EXPECT_EQ(options->ignoreConfig, (Strings{"a", "b"}));
  EXPECT_EQ(options->expertNames, (Strings{"haskell", "c++"}));
  EXPECT_EQ(options->weights, "bf16");
  EXPECT_EQ(options->target, "cuda,cpu");
  EXPECT_EQ(options->cpu, "native");
  EXPECT_EQ(options->gpu, "sm_86");
  EXPECT_EQ(options->cache, "f32");
  EXPECT_EQ(options->languages, Strings{"haskell"});
  EXPECT_EQ(options->prefillTokens, 512);
  EXPECT_EQ(options->context, 131072);
  ASSERT_TRUE(options->ropeScaling);
  EXPECT_EQ(options->ropeScaling->kind, "yarn");
  EXPECT_EQ(options->ropeScaling->factor, 4);
  EXPECT_EQ(options->ropeScaling->originalPositions, 32768);
  EXPECT_EQ(options->chatTemplate, "llama3");
  EXPECT_EQ(options->chatTemplatePlace, "fpmoe.toml:14:17: 'chat_template'");
  EXPECT_EQ(options->isStatic, true);
  EXPECT_EQ(options->weightsFile, "w.bin");
  // In the order of the file.
  EXPECT_EQ(options->weightRules, (Strings{"*down_proj=int8", "*=int4"}));
}

TEST(Options, ReadsTheExampleOfTheReadme) {
  auto readme = MemoryBuffer::getFile(FPMOE_SOURCE_DIR "/lib/Config/README.md");
  ASSERT_TRUE(bool(readme));
  StringRef example =
      (*readme)->getBuffer().split("```toml\n").second.split("```").first;
  FileOptions options = valueOf(parseOptions(example, "README.md"));
  EXPECT_EQ(options.ignoreConfig.size(), 1u);
  EXPECT_TRUE(options.expertNames && options.weights && options.cpu &&
              options.languages && options.prefillTokens && options.context &&
              options.ropeScaling && options.chatTemplate && options.isStatic &&
              options.weightsFile);
}

TEST(Options, MissingKeysAndFileHaveNoValue) {
  TemporaryDirectory directory;
  for (const FileOptions &options :
       {valueOf(parseOptions("", "fpmoe.toml")),
        valueOf(parseOptions("[experts]\n[compile]\n", "fpmoe.toml")),
        valueOf(readOptions(directory.str()))}) {
    EXPECT_TRUE(options.ignoreConfig.empty());
    EXPECT_FALSE(options.expertNames || options.weights || options.cpu ||
                 options.languages || options.prefillTokens ||
                 options.chatTemplate || options.context ||
                 options.ropeScaling || options.isStatic ||
                 options.weightsFile);
  }
}

TEST(Options, ReadsTheFileOfADirectory) {
  TemporaryDirectory directory;
  directory.write("fpmoe.toml", "[compile]\nstatic = 1\n");
  EXPECT_EQ(message(readOptions(directory.str())),
            directory / "fpmoe.toml" + ":2:10: 'static' must be true or false");
  EXPECT_EQ(message(readOptions(directory / "fpmoe.toml")),
            message(readOptions(directory.str())));
}

TEST(Options, MissingNamedFile) {
  EXPECT_EQ(message(readOptions("/nonexistent/fpmoe.toml")),
            "/nonexistent/fpmoe.toml: cannot be opened: No such file or "
            "directory");
}

TEST(Options, RulesOfWeights) {
  EXPECT_EQ(fault("[weights]\n\"a=b\" = \"int8\"\n"),
            "fpmoe.toml:2:1: 'a=b' is no pattern of names of weights");
  EXPECT_EQ(fault("[weights]\n\"a\" = 8\n"),
            "fpmoe.toml:2:7: 'a' must be a string that is not empty");
  EXPECT_EQ(fault("weights = \"int8\"\n"),
            "fpmoe.toml:1:11: 'weights' must be a table");
}

TEST(Options, SyntaxError) {
  std::string error = fault("[compile]\nstatic = \n");
  EXPECT_TRUE(StringRef(error).starts_with("fpmoe.toml:2:")) << error;
}

TEST(Options, TableHeaderWithoutAKey) {
  std::string error = fault("[)x]\n");
  EXPECT_TRUE(StringRef(error).starts_with("fpmoe.toml:1:2: ")) << error;
}

TEST(Options, LetterAfterAValue) {
  std::string error = fault("ignore_config = [] \u00e9\n");
  EXPECT_TRUE(StringRef(error).starts_with("fpmoe.toml:1:20: ")) << error;
}

TEST(Options, UnknownKey) {
  EXPECT_EQ(fault("\n\n    [colours]\n"),
            "fpmoe.toml:3:6: unknown key 'colours', known here are "
            "'ignore_config', [experts], [compile] and [weights]");
  EXPECT_EQ(fault("[experts]\nname = []\n"),
            "fpmoe.toml:2:1: unknown key 'name', known here are 'names'");
  EXPECT_EQ(fault("[compile]\n  threads = 1\n"),
            "fpmoe.toml:2:3: unknown key 'threads', known here are 'weights', "
            "'target', 'cpu', 'gpu', 'cache', 'languages', "
            "'prefill_tokens', 'context', 'rope_scaling', 'chat_template', 'static' and 'weights_file'");
  EXPECT_EQ(fault("[compile]\ncache = \"int8\"\n"),
            "fpmoe.toml:2:9: 'cache' is 'int8', it must be 'f32' or 'bf16'");
  EXPECT_EQ(fault("[compile]\ntarget = \"gpu\"\n"),
            "fpmoe.toml:2:10: 'target' is 'gpu', it must be 'cpu', 'cuda' or "
            "'cuda,cpu'");
}

TEST(Options, WrongType) {
  EXPECT_EQ(fault("experts = 1"), "fpmoe.toml:1:11: 'experts' must be a table");
  EXPECT_EQ(fault("[compile]\ncpu = 1\n"),
            "fpmoe.toml:2:7: 'cpu' must be a string that is not empty");
  EXPECT_EQ(fault("[compile]\nweights = \"\"\n"),
            "fpmoe.toml:2:11: 'weights' must be a string that is not empty");
  EXPECT_EQ(fault("[compile]\nweights_file = \"a\\u0000\"\n"),
            "fpmoe.toml:2:16: 'weights_file' must be a string without NUL "
            "characters");
  for (StringRef path :
       {"/etc/passwd", "../x", "a/b", "a/", ".", "..", ".profile"})
    EXPECT_EQ(fault(("[compile]\nweights_file = \"" + path + "\"\n").str()),
              "fpmoe.toml:2:16: 'weights_file' is '" + path.str() +
                  "', it must be a file name without folder that does not "
                  "begin with a dot; --weights-file takes any path");
  EXPECT_EQ(fault("[compile]\nlanguages = \"c\"\n"),
            "fpmoe.toml:2:13: 'languages' must be an array of strings");
  EXPECT_EQ(fault("ignore_config = [\"a\", 1]\n"),
            "fpmoe.toml:1:23: 'ignore_config' must be an array of strings that "
            "are not empty");
}

TEST(Options, PrefillTokensOutOfRange) {
  for (const char *value : {"0", "-1", "65537", "9223372036854775807", "1.5"})
    EXPECT_EQ(fault(std::string("[compile]\nprefill_tokens = ") + value),
              "fpmoe.toml:2:18: 'prefill_tokens' must be a whole number "
              "between 1 and 65536");
}

TEST(Options, RopeScaling) {
  auto rope = [](const std::string &text) {
    return fault("[compile]\nrope_scaling = \"" + text + "\"");
  };
  EXPECT_EQ(rope("linear:2.5"), "no error");
  std::string at = "fpmoe.toml:2:16: the rope scaling '";
  for (std::string kind : {"dynamic:2", "ntk"})
    EXPECT_EQ(rope(kind), at + kind +
                              "' changes with the length of the text, which a "
                              "program cannot follow; it can be linear or "
                              "yarn, such as yarn:4");
  for (std::string kind : {"longrope:2", "4", "Yarn:4"})
    EXPECT_EQ(rope(kind), at + kind +
                              "' must be linear or yarn with a factor, such as "
                              "yarn:4");
  for (std::string factor : {"", "0.5", "nan", "inf", "1e7", "4x"})
    EXPECT_EQ(rope("yarn:" + factor),
              at + "yarn:" + factor + "' has the factor '" + factor +
                  "', it must be a number between 1 and 1e6");
  for (std::string original : {"", "0", "x", "16777217"})
    EXPECT_EQ(rope("yarn:4:" + original),
              at + "yarn:4:" + original + "' has the original context '" +
                  original + "', it must be between 1 and 16777216");
  EXPECT_EQ(rope("linear:4:64"),
            at + "linear:4:64' has an original context, which only yarn has");
}

TEST(Options, ContextOutOfRange) {
  for (const char *value : {"0", "-1", "16777217", "1.5"})
    EXPECT_EQ(fault(std::string("[compile]\ncontext = ") + value),
              "fpmoe.toml:2:11: 'context' must be a whole number between 1 and "
              "16777216");
}

TEST(Options, BadExpertNames) {
  auto names = [](StringRef list) {
    return fault(("[experts]\nnames = [" + list + "]\n").str());
  };
  EXPECT_EQ(names("\"a b\""), "fpmoe.toml:2:9: the expert name 'a b' has a "
                              "character outside [A-Za-z0-9_.+#-]");
  EXPECT_EQ(names("\"\""),
            "fpmoe.toml:2:10: 'names' must be an array of strings "
            "that are not empty");
  EXPECT_EQ(names("\"" + std::string(65, 'a') + "\""),
            "fpmoe.toml:2:9: the expert name '" + std::string(65, 'a') +
                "' has 65 characters, the limit is 64");
}

TEST(Options, NestingBombs) {
  auto repeat = [](StringRef unit, size_t count) {
    std::string text;
    while (count--)
      text += unit;
    return text;
  };
  for (std::string text :
       {"a = " + repeat("[", 100000), "a = " + repeat("{a = ", 100000)}) {
    std::string error = fault(text);
    EXPECT_TRUE(StringRef(error).starts_with("fpmoe.toml:1:")) << error;
  }
  EXPECT_EQ(fault("[a" + repeat(".a", 4096) + "]"),
            "fpmoe.toml:1:2: unknown key 'a', known here are 'ignore_config', "
            "[experts], [compile] and [weights]");
  for (std::string text :
       {"[a" + repeat(".a", 300000) + "]", "a" + repeat(".a", 300000) + " = 1"})
    EXPECT_EQ(fault(text), "fpmoe.toml: has more than 4096 dots, keys could be "
                           "nested too deep");
}
