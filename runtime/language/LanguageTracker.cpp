//===- LanguageTracker.cpp - which language a text is in ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See LanguageTracker.h. Lines are judged when they end, so that a name that is
// half written means nothing.
//
//===----------------------------------------------------------------------===//

#include "runtime/language/LanguageTracker.h"

#include <algorithm>

using namespace fpmoe;

/// Names, short forms and endings of files of a language, the first its own.
static constexpr std::string_view languages[][9] = {
    {"haskell", "hs", "lhs"},
    {"ocaml", "ml", "mli"},
    {"scala", "sc", "sbt"},
    {"python", "py", "python3", "py3", "pyi"},
    {"java"},
    {"javascript", "js", "mjs", "cjs", "jsx", "node"},
    {"typescript", "ts", "tsx"},
    {"cpp", "c++", "cc", "cxx", "hpp", "hh", "hxx"},
    {"c", "h"},
    {"csharp", "cs", "c#"},
    {"fsharp", "fs", "f#", "fsx"},
    {"rust", "rs"},
    {"go", "golang"},
    {"ruby", "rb"},
    {"kotlin", "kt", "kts"},
    {"swift"},
    {"php"},
    {"lua"},
    {"julia", "jl"},
    {"r"},
    {"perl", "pl", "pm"},
    {"racket", "rkt"},
    {"scheme", "scm", "ss"},
    {"clojure", "clj", "cljs"},
    {"elixir", "ex", "exs"},
    {"erlang", "erl", "hrl"},
    {"shell", "sh", "bash", "zsh"},
    {"sql"},
    {"d"},
    {"dart"},
    {"zig"},
    {"elm"},
    {"idris", "idr"},
    {"agda"},
    {"lean"},
    {"coq", "v"},
};

/// Characters of a line that are kept: enough for what a line can say.
static constexpr size_t mostOfALine = 512;

static std::string lowered(std::string_view text) {
  std::string result(text);
  for (char &c : result)
    if (c >= 'A' && c <= 'Z')
      c += 'a' - 'A';
  return result;
}

/// The language of a name or short form, as a row of the table, or -1.
static int findRow(const std::string &name) {
  int row = 0;
  for (const auto &forms : languages) {
    for (std::string_view form : forms)
      if (!form.empty() && form == name)
        return row;
    ++row;
  }
  return -1;
}

static bool isBlank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static std::string_view trimmed(std::string_view text) {
  while (!text.empty() && isBlank(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && isBlank(text.back()))
    text.remove_suffix(1);
  return text;
}

static bool consume(std::string_view &text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix)
    return false;
  text.remove_prefix(prefix.size());
  return true;
}

LanguageTracker::LanguageTracker(std::vector<std::string> given)
    : names(std::move(given)) {
  for (std::string &name : names) {
    name = lowered(name);
    rows.push_back(findRow(name));
  }
}

int32_t LanguageTracker::find(std::string_view name) const {
  std::string wanted = lowered(name);
  auto exact = std::find(names.begin(), names.end(), wanted);
  if (exact != names.end())
    return static_cast<int32_t>(exact - names.begin());
  int row = findRow(wanted);
  auto same = std::find(rows.begin(), rows.end(), row);
  return row < 0 || same == rows.end()
             ? -1
             : static_cast<int32_t>(same - rows.begin());
}

int32_t LanguageTracker::findFile(std::string_view path) const {
  size_t dot = path.rfind('.');
  // One word, with a name before its ending.
  if (dot == path.npos || dot == 0 || path[dot - 1] == '/' ||
      path.find_first_of(" \t\"'`()<>,;") != path.npos)
    return -1;
  return find(path.substr(dot + 1));
}

void LanguageTracker::setFile(std::string_view name) {
  if (int32_t found = findFile(name.substr(name.rfind('/') + 1)); found >= 0)
    textLanguage = found;
}

/// The language that a line outside a fence gives away, or -1.
int32_t LanguageTracker::findHint(std::string_view text) const {
  if (consume(text, "{-#")) {
    bool pragma = consume(text = trimmed(text), "LANGUAGE") && !text.empty() &&
                  isBlank(text.front());
    return pragma ? find("haskell") : -1;
  }
  if (consume(text, "#!")) {
    // The last word is the program, perhaps with a version.
    text = trimmed(text);
    size_t start = text.find_last_of(" /");
    std::string_view word = text.substr(start + 1);
    while (!word.empty() &&
           (word.back() == '.' || (word.back() >= '0' && word.back() <= '9')))
      word.remove_suffix(1);
    return find(word);
  }
  std::string_view end;
  if (consume(text, "(*"))
    end = "*)";
  else if (consume(text, "/*"))
    end = "*/";
  else if (consume(text, "<!--"))
    end = "-->";
  else if (consume(text, "{-"))
    end = "-}";
  else if (!consume(text, "//") && !consume(text, "--") &&
           !consume(text, "#") && !consume(text, ";"))
    return -1;
  text = trimmed(text);
  if (!end.empty() && text.size() >= end.size() &&
      text.substr(text.size() - end.size()) == end)
    text = trimmed(text.substr(0, text.size() - end.size()));
  for (std::string_view word : {"file", "filename", "path"}) {
    std::string_view rest = text;
    if (lowered(rest.substr(0, word.size())) != word)
      continue;
    rest.remove_prefix(word.size());
    if (consume(rest = trimmed(rest), ":"))
      text = trimmed(rest);
  }
  return findFile(text);
}

/// Takes a line that begins or ends a fence.
bool LanguageTracker::takeFence(std::string_view text) {
  if (text.empty() || (text[0] != '`' && text[0] != '~'))
    return false;
  size_t length = std::min(text.find_first_not_of(text[0]), text.size());
  if (length < 3)
    return false;
  std::string_view info = trimmed(text.substr(length));
  if (inFence) {
    if (text[0] != fenceCharacter || length < fenceLength || !info.empty())
      return false;
    inFence = false;
    return true;
  }
  // A line with more of the same is code in a line of text.
  if (text[0] == '`' && info.find('`') != info.npos)
    return false;
  inFence = true;
  fenceCharacter = text[0];
  fenceLength = length;
  consume(info, "{");
  consume(info, ".");
  std::string_view word = info.substr(0, info.find_first_of(" \t,:{}"));
  fenceLanguage = find(word);
  openFence = word.empty();
  return true;
}

void LanguageTracker::endLine() {
  std::string_view text = trimmed(line);
  if (!takeFence(text) && (!inFence || openFence))
    if (int32_t hint = findHint(text); hint >= 0)
      (inFence ? fenceLanguage : textLanguage) = hint;
  line.clear();
}

void LanguageTracker::push(std::string_view text) {
  for (char c : text)
    if (c == '\n')
      endLine();
    else if (line.size() < mostOfALine)
      line += c;
}
