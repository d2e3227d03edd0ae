//===- PreTokenizers.cpp - word cutting by name -----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the names of `tokenizer.ggml.pre` stand for, as the tokenizer.json of
// the models that they are named after has it. See Gguf.h.
//
//===----------------------------------------------------------------------===//
#include "lib/Tokenizer/Gguf.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace fpmoe {

namespace {
struct Entry {
  StringLiteral name;
  /// Each is matched inside the pieces that the ones before it left.
  ArrayRef<StringLiteral> regexes;
  bool isNFC = false, ignoreMerges = false, addBos = false;
};
} // namespace

#define GPT2                                                                   \
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|"         \
  "\\s+(?!\\S)|\\s+"
/// GPT-4's, but for how many digits are together.
#define GPT4(DIGITS)                                                           \
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" DIGITS         \
  "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

static constexpr StringLiteral gpt2[] = {GPT2};
static constexpr StringLiteral digitsAlone[] = {"\\p{N}", GPT2};
static constexpr StringLiteral llama3[] = {GPT4("\\p{N}{1,3}")};
static constexpr StringLiteral qwen2[] = {GPT4("\\p{N}")};
static constexpr StringLiteral deepseekCoder[] = {
    "[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+",
    // CJK ideographs, U+0800 to U+4E00, Hangul.
    "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+", "\\p{N}"};
static constexpr StringLiteral tekken[] = {
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*"
    "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|"
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+"
    "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|"
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"};
/// What llama.cpp does for models of which it knows no more.
static constexpr StringLiteral byDefault[] = {"[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2,
                                              "\\p{N}+", "[0-9][0-9][0-9]"};

static const Entry entries[] = {
    {"default", byDefault},
    {"codeshell", digitsAlone},
    {"deepseek-coder", deepseekCoder},
    {"deepseek-r1-qwen", qwen2, /*isNFC=*/true},
    {"gpt-2", gpt2},
    {"llama-bpe", llama3, false, /*ignoreMerges=*/true, /*addBos=*/true},
    {"llama-v3", llama3, false, true, true},
    {"llama3", llama3, false, true, true},
    {"phi-2", gpt2},
    {"qwen2", qwen2, /*isNFC=*/true},
    {"refact", digitsAlone},
    {"smollm", digitsAlone},
    {"starcoder", digitsAlone},
    {"tekken", tekken, false, true, true},
};

std::optional<PreTokenizer> findPreTokenizer(StringRef name) {
  auto *entry = find_if(entries, [&](auto &e) { return e.name == name; });
  if (entry == std::end(entries))
    return std::nullopt;
  PreTokenizer result;
  for (StringRef regex : entry->regexes)
    result.steps.push_back(
        json::Object{{"type", "Split"},
                     {"pattern", json::Object{{"Regex", regex}}},
                     {"behavior", "Isolated"},
                     {"invert", false}});
  result.isNFC = entry->isNFC;
  result.ignoreMerges = entry->ignoreMerges;
  result.addBos = entry->addBos;
  return result;
}

std::string listPreTokenizers() {
  return join(map_range(entries, [](auto &e) { return StringRef(e.name); }),
              ", ");
}

} // namespace fpmoe
