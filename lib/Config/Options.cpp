//===- Options.cpp - reader of fpmoe.toml -----------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads the few keys that fpmoe.toml may have, each with its position for the
// message. See Options.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Config/Options.h"

#include "lib/Checkpoint/Input.h"
#include "lib/Config/SizeLimits.h"
#include "lib/Config/Toml.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace llvm;

namespace fpmoe {

static constexpr StringLiteral optionsName = "fpmoe.toml";
static constexpr size_t maxNameLength = 64;
/// toml++ bounds nested arrays and inline tables, but not the dotted keys, and
/// recurses into the tables they make.
static constexpr size_t maxDots = 4096;

std::string checkExpertName(StringRef name) {
  if (name.empty())
    return "an expert has an empty name";
  if (name.size() > maxNameLength)
    return "the expert name " + quoted(name) + " has " +
           std::to_string(name.size()) + " characters, the limit is " +
           std::to_string(maxNameLength);
  if (!all_of(name, [](char c) {
        return isAlnum(c) || StringRef("_.+#-").contains(c);
      }))
    return "the expert name " + quoted(name) +
           " has a character outside [A-Za-z0-9_.+#-]";
  return "";
}

std::string checkExpertNames(ArrayRef<std::string> names) {
  StringSet<> seen;
  for (StringRef name : names) {
    if (std::string fault = checkExpertName(name); !fault.empty())
      return fault;
    if (!seen.insert(name).second)
      return "the expert name " + quoted(name) + " occurs twice";
  }
  return "";
}

Expected<RopeScalingOption> parseRopeScaling(StringRef text) {
  RopeScalingOption option;
  auto [kind, numbers] = text.split(':');
  auto [factor, original] = numbers.split(':');
  auto fault = [&](const Twine &what) {
    return createStringError("the rope scaling " + quoted(text) + " " + what);
  };
  if (kind == "dynamic" || kind == "ntk")
    return fault("changes with the length of the text, which a program cannot "
                 "follow; it can be linear or yarn, such as yarn:4");
  if (kind != "linear" && kind != "yarn")
    return fault("must be linear or yarn with a factor, such as yarn:4");
  option.kind = kind.str();
  if (factor.getAsDouble(option.factor) ||
      !(option.factor >= 1 && option.factor <= 1e6))
    return fault("has the factor " + quoted(factor) +
                 ", it must be a number between 1 and 1e6");
  if (!text.ends_with(":") && original.empty())
    return option;
  int64_t positions = 0, limit = getSizeLimit("max_position_embeddings");
  if (kind != "yarn")
    return fault("has an original context, which only yarn has");
  if (original.getAsInteger(10, positions) || positions < 1 ||
      positions > limit)
    return fault("has the original context " + quoted(original) +
                 ", it must be between 1 and " + Twine(limit));
  option.originalPositions = positions;
  return option;
}

namespace {
/// Checks types and reports positions.
class OptionsParser {
public:
  explicit OptionsParser(StringRef fileName) : fileName(fileName) {}

  Error top(const toml::table &table);
  Error compileOf(const toml::table &table);
  FileOptions options;

private:
  Error experts(const toml::table &table);
  Error compile(const toml::table &table);
  Error weights(const toml::table &table);

  std::string placeOf(const toml::source_region &region) const {
    return (fileName + ":" + Twine(region.begin.line) + ":" +
            Twine(region.begin.column))
        .str();
  }
  Error errorAt(const toml::source_region &region, const Twine &what) const {
    return fileError(placeOf(region), what);
  }
  Error wrongType(const toml::node &node, StringRef key,
                  StringRef wanted) const {
    return errorAt(node.source(), quoted(key) + " must be " + wanted);
  }
  Error unknown(const toml::key &key, StringRef known) const {
    return errorAt(key.source(), "unknown key " + quoted(key.str()) +
                                     ", known here are " + known);
  }
  Error readString(const toml::node &node, StringRef key,
                   std::optional<std::string> &out) const;
  Error readFileName(const toml::node &node, StringRef key,
                     std::optional<std::string> &out) const;
  Error readStrings(const toml::node &node, StringRef key,
                    std::vector<std::string> &out) const;

  StringRef fileName;
};
} // namespace

Error OptionsParser::readString(const toml::node &node, StringRef key,
                                std::optional<std::string> &out) const {
  const auto *value = node.as_string();
  if (!value || value->get().empty())
    return wrongType(node, key, "a string that is not empty");
  if (StringRef(value->get()).contains('\0'))
    return wrongType(node, key, "a string without NUL characters");
  out = value->get();
  return Error::success();
}

/// A model, which may come from anywhere, does not say where on this machine
/// something is written, nor under a name that others read by itself.
Error OptionsParser::readFileName(const toml::node &node, StringRef key,
                                  std::optional<std::string> &out) const {
  if (Error e = readString(node, key, out))
    return e;
  if (StringRef(*out).contains('/') || StringRef(*out).starts_with("."))
    return errorAt(node.source(),
                   quoted(key) + " is " + quoted(*out) +
                       ", it must be a file name without folder that does not "
                       "begin with a dot; --weights-file takes any path");
  return Error::success();
}

Error OptionsParser::readStrings(const toml::node &node, StringRef key,
                                 std::vector<std::string> &out) const {
  const toml::array *array = node.as_array();
  if (!array)
    return wrongType(node, key, "an array of strings");
  for (const toml::node &element : *array) {
    const auto *value = element.as_string();
    if (!value || value->get().empty())
      return wrongType(element, key, "an array of strings that are not empty");
    out.push_back(value->get());
  }
  return Error::success();
}

Error OptionsParser::experts(const toml::table &table) {
  for (auto &&[key, node] : table) {
    if (key.str() != "names")
      return unknown(key, "'names'");
    options.expertNames.emplace();
    if (Error e = readStrings(node, "names", *options.expertNames))
      return e;
    for (StringRef name : *options.expertNames)
      if (std::string fault = checkExpertName(name); !fault.empty())
        return errorAt(node.source(), fault);
  }
  return Error::success();
}

Error OptionsParser::compile(const toml::table &table) {
  for (auto &&[key, node] : table) {
    Error e = Error::success();
    if (key.str() == "weights") {
      e = readString(node, "weights", options.weights);
    } else if (key.str() == "target") {
      e = readString(node, "target", options.target);
      if (!e && !isTargetChoice(*options.target))
        return errorAt(node.source(), "'target' is " + quoted(*options.target) +
                                          ", it must be 'cpu', 'cuda' or "
                                          "'cuda,cpu'");
    } else if (key.str() == "cpu") {
      e = readString(node, "cpu", options.cpu);
    } else if (key.str() == "gpu") {
      e = readString(node, "gpu", options.gpu);
    } else if (key.str() == "cache") {
      e = readString(node, "cache", options.cache);
      if (!e && !isCacheFormat(*options.cache))
        return errorAt(node.source(), "'cache' is " + quoted(*options.cache) +
                                          ", it must be 'f32' or 'bf16'");
    } else if (key.str() == "weights_file") {
      e = readFileName(node, "weights_file", options.weightsFile);
    } else if (key.str() == "languages") {
      options.languages.emplace();
      e = readStrings(node, "languages", *options.languages);
    } else if (key.str() == "prefill_tokens") {
      const auto *value = node.as_integer();
      if (!value || value->get() < 1 || value->get() > maxPrefillTokens)
        return wrongType(node, "prefill_tokens",
                         "a whole number between 1 and " +
                             std::to_string(maxPrefillTokens));
      options.prefillTokens = value->get();
    } else if (key.str() == "context") {
      const auto *value = node.as_integer();
      int64_t limit = getSizeLimit("max_position_embeddings");
      if (!value || value->get() < 1 || value->get() > limit)
        return wrongType(node, "context",
                         "a whole number between 1 and " +
                             std::to_string(limit));
      options.context = value->get();
    } else if (key.str() == "rope_scaling") {
      std::optional<std::string> text;
      if (Error wrong = readString(node, "rope_scaling", text))
        return wrong;
      Expected<RopeScalingOption> scaling = parseRopeScaling(*text);
      if (!scaling)
        return errorAt(node.source(), toString(scaling.takeError()));
      options.ropeScaling = *scaling;
    } else if (key.str() == "chat_template") {
      e = readString(node, "chat_template", options.chatTemplate);
      options.chatTemplatePlace = placeOf(node.source()) + ": 'chat_template'";
    } else if (key.str() == "static") {
      const auto *value = node.as_boolean();
      if (!value)
        return wrongType(node, "static", "true or false");
      options.isStatic = value->get();
    } else {
      return unknown(key,
                     "'weights', 'target', 'cpu', 'gpu', 'cache', 'languages', "
                     "'prefill_tokens', 'context', 'rope_scaling', "
                     "'chat_template', 'static' and 'weights_file'");
    }
    if (e)
      return e;
  }
  return Error::success();
}

Error OptionsParser::weights(const toml::table &table) {
  // The table is sorted by name; what counts is the order of the file.
  std::vector<std::pair<toml::source_position, std::string>> rules;
  for (auto &&[key, node] : table) {
    std::optional<std::string> format;
    if (Error e = readString(node, key.str(), format))
      return e;
    if (key.str().empty() || StringRef(key.str()).find_first_of(
                                 StringRef(",=\0", 3)) != StringRef::npos)
      return errorAt(key.source(),
                     quoted(key.str()) + " is no pattern of names of weights");
    rules.push_back(
        {key.source().begin, std::string(key.str()) + "=" + *format});
  }
  llvm::sort(rules, [](const auto &a, const auto &b) {
    return std::pair(a.first.line, a.first.column) <
           std::pair(b.first.line, b.first.column);
  });
  for (auto &[position, rule] : rules)
    options.weightRules.push_back(std::move(rule));
  return Error::success();
}

/// `[compile]` of a file that has other keys, too.
Error OptionsParser::compileOf(const toml::table &table) {
  const toml::node *node = table.get("compile");
  if (!node)
    return Error::success();
  return node->is_table() ? compile(*node->as_table())
                          : wrongType(*node, "compile", "a table");
}

Error OptionsParser::top(const toml::table &table) {
  for (auto &&[key, node] : table) {
    Error e = Error::success();
    if (key.str() == "ignore_config") {
      e = readStrings(node, "ignore_config", options.ignoreConfig);
    } else if (key.str() == "experts" || key.str() == "compile" ||
               key.str() == "weights") {
      const toml::table *inner = node.as_table();
      if (!inner)
        return wrongType(node, key.str(), "a table");
      e = key.str() == "experts"   ? experts(*inner)
          : key.str() == "compile" ? compile(*inner)
                                   : weights(*inner);
    } else {
      return unknown(key,
                     "'ignore_config', [experts], [compile] and [weights]");
    }
    if (e)
      return e;
  }
  return Error::success();
}

/// Parses a text and hands its table to `read`.
static Error parseToml(StringRef text, StringRef fileName,
                       function_ref<Error(const toml::table &)> read) {
  if (text.count('.') > maxDots)
    return fileError(fileName, "has more than " + Twine(maxDots) +
                                   " dots, keys could be nested too deep");
  toml::parse_result result =
      toml::parse(std::string_view(text.data(), text.size()));
  if (!result) {
    const toml::source_position &at = result.error().source().begin;
    return fileError(
        (fileName + ":" + Twine(at.line) + ":" + Twine(at.column)).str(),
        printable(StringRef(result.error().description())));
  }
  return read(result.table());
}

Expected<FileOptions> parseOptions(StringRef text, StringRef fileName) {
  OptionsParser parser(fileName);
  if (Error e = parseToml(text, fileName, [&](const toml::table &table) {
        return parser.top(table);
      }))
    return e;
  return std::move(parser.options);
}

Expected<FileOptions> parseCompileOptions(StringRef text, StringRef fileName) {
  OptionsParser parser(fileName);
  if (Error e = parseToml(text, fileName, [&](const toml::table &table) {
        return parser.compileOf(table);
      }))
    return e;
  return std::move(parser.options);
}

Expected<FileOptions> readOptions(StringRef directoryOrFile) {
  std::optional<std::string> path = findFile(directoryOrFile, optionsName);
  if (!path)
    return FileOptions();
  Expected<std::string> text = readSmallFile(*path, maxConfigFile);
  if (!text)
    return text.takeError();
  return parseOptions(*text, *path);
}

} // namespace fpmoe
