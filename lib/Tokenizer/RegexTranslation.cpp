//===- RegexTranslation.cpp - Oniguruma to PCRE2 ----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One pass over the expression that copies what both engines read alike. What
// differs: \s, \w and \b (PCRE2's sets are not Unicode's), \p{Script} (PCRE2
// takes script extensions), \h \H \v \R \K, set operations in brackets, inline
// options, {n}? and {n,m}+.
//
//===----------------------------------------------------------------------===//
#include "lib/Tokenizer/RegexTranslation.h"
#include "lib/Checkpoint/Input.h"
#include "runtime/tokenizer/Regex.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"

using namespace llvm;

namespace fpmoe {

namespace {

constexpr size_t kMostBytes = 1 << 14;

// Contents of brackets. PCRE2's \s is White_Space with U+180E added.
constexpr StringLiteral kSpace = "\\t-\\r \\x{85}\\p{Z}";
constexpr StringLiteral kNoSpace = "\\S\\x{180e}";
constexpr StringLiteral kWord = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";

class Translator {
public:
  Translator(StringRef pattern, std::string &out, std::string &error)
      : pattern(pattern), out(out), error(error) {}

  bool run();

private:
  bool refuse(size_t size, const Twine &why = "is not supported") {
    error = (quoted(pattern.substr(at, size)) + " at offset " + Twine(at) +
             " " + why)
                .str();
    return false;
  }
  void copy(size_t size) {
    out += pattern.substr(at, size);
    at += size;
  }
  StringRef rest() const { return pattern.substr(at); }

  bool escape(bool inBrackets);
  bool hexEscape();
  bool property();
  bool group();
  bool brackets();
  bool interval();

  StringRef pattern;
  std::string &out;
  std::string &error;
  size_t at = 0;
};

bool Translator::run() {
  while (at < pattern.size()) {
    bool good = true;
    switch (pattern[at]) {
    case '\\':
      good = escape(/*inBrackets=*/false);
      break;
    case '(':
      good = group();
      break;
    case '[':
      good = brackets();
      break;
    case '{':
      good = interval();
      break;
    default:
      copy(1);
    }
    if (!good)
      return false;
  }
  return true;
}

bool Translator::escape(bool inBrackets) {
  if (at + 1 == pattern.size())
    return refuse(1, "ends the expression");
  char c = pattern[at + 1];
  auto replace = [&](const Twine &text) {
    out += text.str();
    at += 2;
    return true;
  };
  switch (c) {
  case 's':
    return replace(inBrackets ? Twine(kSpace) : "[" + kSpace + "]");
  case 'S':
    return replace(inBrackets ? Twine(kNoSpace) : "[^" + kSpace + "]");
  case 'w':
    return replace(inBrackets ? Twine(kWord) : "[" + kWord + "]");
  case 'W':
    return inBrackets ? refuse(2) : replace("[^" + kWord + "]");
  case 'b':
    if (inBrackets)
      return replace("\\x08");
    return replace("(?:(?<=[" + kWord + "])(?![" + kWord + "])|(?<![" + kWord +
                   "])(?=[" + kWord + "]))");
  case 'd':
  case 'D':
    return replace(c == 'd' ? "\\p{Nd}" : "\\P{Nd}");
  case 'v':
    return replace("\\x0b");
  case 'A':
  case 'z':
  case 'Z':
    if (inBrackets)
      return refuse(2);
    copy(2);
    return true;
  case 'n':
  case 'r':
  case 't':
  case 'f':
  case 'a':
  case 'e':
    copy(2);
    return true;
  case 'p':
  case 'P':
    return property();
  case 'x':
  case 'u':
    return hexEscape();
  default:
    if (isAlnum(c) || static_cast<unsigned char>(c) >= 0x80)
      return refuse(2);
    copy(2);
    return true;
  }
}

bool Translator::hexEscape() {
  StringRef digits = rest().drop_front(2);
  size_t size;
  if (pattern[at + 1] == 'x' && digits.consume_front("{")) {
    size_t close = digits.find('}');
    if (close == StringRef::npos)
      return refuse(3, "has no '}'");
    digits = digits.take_front(close);
    size = close + 4;
  } else {
    size_t count = pattern[at + 1] == 'x' ? 2 : 4;
    digits = digits.take_front(count);
    size = count + 2;
    if (digits.size() != count)
      return refuse(size, "has too few digits");
  }
  uint32_t character;
  // Two digits above 0x7f would be a byte of UTF-8, not a character.
  if (digits.getAsInteger(16, character) || character > 0x10ffff ||
      (size == 4 && pattern[at + 2] != '{' && character > 0x7f))
    return refuse(size);
  out += "\\x{" + utohexstr(character, /*LowerCase=*/true) + "}";
  at += size;
  return true;
}

bool Translator::property() {
  size_t open = at + 2, close = pattern.find('}', at);
  if (open >= pattern.size() || pattern[open] != '{' ||
      close == StringRef::npos)
    return refuse(3);
  size_t size = close + 1 - at;
  StringRef name = pattern.slice(open + 1, close);
  bool negated = (pattern[at + 1] == 'P') != name.consume_front("^");
  if (name.empty() ||
      !all_of(name, [](char c) { return isAlpha(c) || c == '_'; }))
    return refuse(size);
  // One or two letters name a general category, more a script.
  out += negated ? "\\P{" : "\\p{";
  if (name.size() > 2)
    out += "sc:";
  out += name;
  out += "}";
  at += size;
  return true;
}

bool Translator::group() {
  if (!rest().starts_with("(?")) {
    if (rest().starts_with("(*"))
      return refuse(2);
    copy(1);
    return true;
  }
  for (StringRef head : {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!", "(?i:"})
    if (rest().starts_with(head)) {
      copy(head.size());
      return true;
    }
  // Elsewhere its reach over alternatives differs.
  if (rest().starts_with("(?i)") && at == 0) {
    copy(4);
    return true;
  }
  return refuse(3);
}

bool Translator::brackets() {
  copy(rest().starts_with("[^") ? 2 : 1);
  if (rest().starts_with("]"))
    return refuse(1, "opens brackets, write it as '\\]'");
  while (at < pattern.size()) {
    if (pattern[at] == ']') {
      copy(1);
      return true;
    }
    if (pattern[at] == '[')
      return refuse(1, "within brackets is not supported, write it as '\\['");
    if (rest().starts_with("&&"))
      return refuse(2, "within brackets is not supported");
    if (pattern[at] != '\\')
      copy(1);
    else if (!escape(/*inBrackets=*/true))
      return false;
  }
  --at;
  return refuse(1, "ends the expression within brackets");
}

bool Translator::interval() {
  size_t close = pattern.find('}', at);
  StringRef inside = pattern.slice(at + 1, close);
  bool isInterval =
      close != StringRef::npos && !inside.empty() &&
      all_of(inside, [](char c) { return isDigit(c) || c == ','; });
  if (!isInterval) { // an ordinary character to both
    out += "\\{";
    ++at;
    return true;
  }
  size_t size = close + 1 - at;
  char next = close + 1 < pattern.size() ? pattern[close + 1] : 0;
  if (inside.front() == ',' || inside.count(',') > 1 || next == '+' ||
      (next == '?' && !inside.contains(',')))
    return refuse(size + (next == '+' || next == '?'));
  copy(size);
  return true;
}

} // namespace

/// Repetitions in repetitions go back over a text without end where they do
/// not match at last. Tries texts of one character of the pattern, or one of
/// each kind, with and without another at the end.
static bool checkRepetitions(const Regex &regex, StringRef pattern,
                             std::string &error) {
  constexpr unsigned length = 64;
  constexpr uint32_t mostSteps = 1'000'000; // a cube of the length, and more
  std::string characters = " \naA0!";
  for (char c : pattern)
    if (isPrint(c) && !StringRef(characters).contains(c))
      characters += c;
  for (char c : characters) {
    std::string text(length, c);
    for (StringRef end : {"", "\x01"}) {
      text += end;
      Regex::Finder finder(regex, mostSteps);
      finder.start(text);
      for (size_t begin, matchEnd; finder.next(begin, matchEnd);)
        ;
      if (!finder.failure())
        continue;
      error = ("it " + Twine(finder.failure()) + " on a text of " +
               Twine(text.size()) + " bytes such as " +
               quoted(StringRef(text).take_back(8)))
                  .str();
      return false;
    }
  }
  return true;
}

bool translateRegex(StringRef pattern, std::string &out, std::string &error) {
  out.clear();
  if (pattern.empty() || pattern.size() > kMostBytes) {
    error = (Twine(pattern.size()) + " bytes, an expression has 1 to " +
             Twine(kMostBytes))
                .str();
    return false;
  }
  if (!Translator(pattern, out, error).run())
    return false;
  Regex regex;
  return regex.compile(out, error) && checkRepetitions(regex, pattern, error);
}

} // namespace fpmoe
