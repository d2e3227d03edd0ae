//===- Normalizer.cpp - normalize a text ------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Replacement, prefixes and Unicode normal form C. The last looks only at the
// parts of a text that can change, since source code is nearly all ASCII.
//
//===----------------------------------------------------------------------===//
#include "runtime/tokenizer/TokenizerTables.h"
#include "runtime/tokenizer/Utf8.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utf8proc.h>

namespace fpmoe {

using namespace tokenizer_format;

std::string stepError(const char *part, size_t index, const std::string &what) {
  return "step " + std::to_string(index + 1) + " of the " + part + " " + what;
}

bool replaceMatches(const LoadedStep &step, std::string_view text, size_t most,
                    std::string &out, std::string &error) {
  std::optional<Regex::Finder> finder;
  if (step.pattern.isRegex)
    finder.emplace(step.pattern.regex);
  size_t done = 0;
  bool fits = true;
  auto add = [&](std::string_view part) {
    fits = fits && part.size() <= most - out.size();
    if (fits)
      out += part;
    return fits;
  };
  out.clear();
  const char *failure = step.pattern.forEach(
      finder ? &*finder : nullptr, text, [&](size_t begin, size_t end) {
        std::string_view kept = text.substr(done, begin - done);
        done = end;
        return add(kept) && add(step.content);
      });
  if (failure)
    error = std::string("has a pattern that ") + failure;
  else if (!add(text.substr(done)))
    error = kGrowthError;
  return !failure && fits;
}

/// Characters that joined Unicode after version 9 and take part in
/// normalization. Hugging Face `tokenizers` keeps to version 9, and models were
/// trained so; these characters change nothing and separate what is around.
static bool isNewerThanNormalForm(uint32_t character) {
  static constexpr uint32_t ranges[][2] = {
      {0x7fd, 0x7fd},     {0x898, 0x89f},     {0x8ca, 0x8d3},
      {0x9fe, 0x9fe},     {0xc3c, 0xc3c},     {0xd3b, 0xd3c},
      {0xeba, 0xeba},     {0x1715, 0x1715},   {0x1abf, 0x1ace},
      {0x1df6, 0x1dfa},   {0xa82c, 0xa82c},   {0x10d24, 0x10d27},
      {0x10eab, 0x10eac}, {0x10f46, 0x10f50}, {0x10f82, 0x10f85},
      {0x11070, 0x11070}, {0x1133b, 0x1133b}, {0x1145e, 0x1145e},
      {0x11839, 0x1183a}, {0x11930, 0x11930}, {0x11935, 0x11935},
      {0x1193d, 0x1193e}, {0x11943, 0x11943}, {0x119e0, 0x119e0},
      {0x11a34, 0x11a34}, {0x11a47, 0x11a47}, {0x11a99, 0x11a99},
      {0x11d42, 0x11d42}, {0x11d44, 0x11d45}, {0x11d97, 0x11d97},
      {0x16ff0, 0x16ff1}, {0x1e130, 0x1e136}, {0x1e2ae, 0x1e2ae},
      {0x1e2ec, 0x1e2ef}};
  auto range = std::lower_bound(
      std::begin(ranges), std::end(ranges), character,
      [](const uint32_t(&r)[2], uint32_t c) { return r[1] < c; });
  return range != std::end(ranges) && (*range)[0] <= character;
}

/// As utf8proc_map composes, but for the order of combining marks, which that
/// one finds in quadratic time.
static void appendNormalFormC(std::string_view text, std::string &out) {
  constexpr auto options =
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  std::vector<utf8proc_int32_t> characters;
  characters.reserve(text.size());
  for (size_t at = 0; at < text.size(); at += characterSize(text[at])) {
    utf8proc_int32_t parts[18]; // the longest decomposition of all
    int boundary = 0;
    utf8proc_ssize_t count = utf8proc_decompose_char(
        static_cast<utf8proc_int32_t>(decodeCharacter(text.substr(at))), parts,
        std::size(parts), options, &boundary);
    if (count > 0)
      characters.insert(characters.end(), parts, parts + count);
  }
  auto order = [](utf8proc_int32_t c) {
    return utf8proc_get_property(c)->combining_class;
  };
  auto isStarter = [&](utf8proc_int32_t c) { return order(c) == 0; };
  for (auto run = characters.begin(); run != characters.end();) {
    run = std::find_if_not(run, characters.end(), isStarter);
    auto end = std::find_if(run, characters.end(), isStarter);
    std::stable_sort(run, end, [&](utf8proc_int32_t a, utf8proc_int32_t b) {
      return order(a) < order(b);
    });
    run = end;
  }
  utf8proc_ssize_t count = utf8proc_normalize_utf32(
      characters.data(), static_cast<utf8proc_ssize_t>(characters.size()),
      options);
  for (utf8proc_ssize_t i = 0; i < count; ++i)
    appendCharacter(static_cast<uint32_t>(characters[i]), out);
}

/// Characters below U+0300 are in normal form C already, and an ASCII one never
/// combines with what comes before it. So only runs that hold a larger
/// character, with the character before it, need work.
static std::string toNormalFormC(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  std::string out;
  size_t done = 0;     // text before is in `out`
  size_t previous = 0; // start of the character before `at`
  for (size_t at = 0; at < text.size();) {
    if (byte(at) < 0xcc) { // the lead byte of U+0300 is 0xcc
      previous = at;
      at += characterSize(text[at]);
      continue;
    }
    size_t begin = previous, end = at;
    while (end < text.size() && byte(end) >= 0x80)
      ++end;
    out.append(text, done, begin - done);
    done = begin;
    for (size_t i = begin; i < end;) {
      size_t next = i + characterSize(text[i]);
      if (isNewerThanNormalForm(decodeCharacter(text.substr(i)))) {
        appendNormalFormC(text.substr(done, i - done), out);
        out.append(text, i, next - i);
        done = next;
      }
      i = next;
    }
    appendNormalFormC(text.substr(done, end - done), out);
    done = previous = at = end;
  }
  out.append(text, done, text.size() - done);
  return out;
}

bool TokenizerTables::normalize(std::string_view text, size_t first,
                                size_t most, std::string &out,
                                std::string &error) const {
  out = text;
  std::string replaced;
  for (size_t i = first; i < normalizer.size(); ++i) {
    const LoadedStep &step = normalizer[i];
    bool good = true;
    switch (step.kind) {
    case StepKind::NFC:
      out = toNormalFormC(out);
      break;
    case StepKind::Prepend:
      if (!out.empty())
        out.insert(0, step.content);
      break;
    case StepKind::Replace:
      good = replaceMatches(step, out, most, replaced, error);
      out.swap(replaced);
      break;
    default:
      break;
    }
    if (good && out.size() > most) {
      good = false;
      error = kGrowthError;
    }
    if (!good) {
      error = stepError("normalizer", i, error);
      return false;
    }
  }
  return true;
}

} // namespace fpmoe
