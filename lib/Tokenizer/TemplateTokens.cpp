//===- TemplateTokens.cpp - a chat template in a plain form -----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "lib/Tokenizer/TemplateTokens.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace fpmoe {

using Token = TemplateToken;
static constexpr StringLiteral blanks = " \t\n\v\f";

namespace {
class Reader {
public:
  explicit Reader(StringRef text) : rest(text) {}
  bool run();
  std::vector<Token> tokens;

private:
  void addWritten(StringRef text);
  bool readTag(char kind);
  bool readComment();
  bool readString(std::string &text);
  bool atEnd(StringRef end);
  void finishTag(StringRef end);
  void print(ArrayRef<Token> expression);

  StringRef rest;
  std::vector<Token> tag; ///< tokens of the tag that is read
  bool atLineStart = true;
};
} // namespace

void Reader::addWritten(StringRef text) {
  if (text.empty())
    return;
  if (tokens.empty() || tokens.back().kind != Token::Written)
    tokens.push_back({Token::Written, ""});
  tokens.back().text += text;
}

bool Reader::run() {
  // Jinja makes one of all kinds of line ends, and drops the last.
  if (rest.contains('\r'))
    return false;
  rest.consume_back("\n");
  while (!rest.empty()) {
    size_t begin = 0;
    while (begin + 1 < rest.size() &&
           (rest[begin] != '{' || !StringRef("{%#").contains(rest[begin + 1])))
      ++begin;
    if (begin + 1 == rest.size()) {
      addWritten(rest);
      return true;
    }
    StringRef text = rest.take_front(begin);
    char kind = rest[begin + 1];
    rest = rest.substr(begin + 2);
    if (rest.consume_front("-")) {
      text = text.rtrim(blanks);
    } else if (!rest.consume_front("+") && kind != '{') {
      // White space before a statement that begins a line (lstrip_blocks).
      size_t line = text.rfind('\n') + 1; // 0 if there is none
      if ((line || atLineStart) && text.substr(line).trim(blanks).empty())
        text = text.substr(0, line);
    }
    addWritten(text);
    if (kind == '#' ? !readComment() : !readTag(kind))
      return false;
  }
  return true;
}

/// Leaves the end of a tag, with the white space that goes with it.
void Reader::finishTag(StringRef end) {
  atLineStart = false;
  if (end.starts_with("-"))
    rest = rest.ltrim(blanks);
  else if (end == "%}" || end == "#}") // trim_blocks
    atLineStart = rest.consume_front("\n");
}

bool Reader::readComment() {
  size_t end = rest.find("#}");
  if (end == StringRef::npos)
    return false;
  bool strips = rest.substr(0, end).ends_with("-");
  bool keeps = rest.substr(0, end).ends_with("+");
  rest = rest.substr(end + 2);
  finishTag(strips ? "-#}" : keeps ? "+#}" : "#}");
  return true;
}

bool Reader::readString(std::string &text) {
  char quote = rest.front();
  for (rest = rest.drop_front(); !rest.empty(); rest = rest.drop_front()) {
    char c = rest.front();
    if (c == quote) {
      rest = rest.drop_front();
      return true;
    }
    if (c == '\\') {
      static constexpr StringLiteral escapes = "n\nt\t\\\\''\"\"";
      rest = rest.drop_front();
      size_t found = 0;
      while (found != escapes.size() &&
             (rest.empty() || escapes[found] != rest.front()))
        found += 2;
      if (found == escapes.size())
        return false;
      c = escapes[found + 1];
    }
    text += c;
  }
  return false;
}

/// Whether the tag ends here; what ends it is taken.
bool Reader::atEnd(StringRef end) {
  StringRef whole = rest;
  if ((rest.consume_front("-") || rest.consume_front("+")) &&
      rest.consume_front(end)) {
    finishTag(whole.take_front(end.size() + 1).str());
    return true;
  }
  rest = whole;
  if (!rest.consume_front(end))
    return false;
  finishTag(end);
  return true;
}

/// The position behind a token, or behind the bracket that closes it.
static size_t nextPlace(ArrayRef<Token> tokens, size_t at) {
  int depth = 0;
  do {
    bool isWord = tokens[at].kind == Token::Word;
    depth += isWord && is_contained({"(", "[", "{"}, tokens[at].text);
    depth -= isWord && is_contained({")", "]", "}"}, tokens[at].text);
  } while (++at != tokens.size() && depth > 0);
  return at;
}

/// Without brackets around all of it.
static ArrayRef<Token> unwrap(ArrayRef<Token> tokens) {
  if (tokens.size() > 2 && tokens.front().is(Token::Word, "(") &&
      nextPlace(tokens, 0) == tokens.size())
    return tokens.drop_front().drop_back();
  return tokens;
}

/// Names of members in brackets, strip() as a filter, errors without text.
static std::vector<Token> simplify(ArrayRef<Token> tokens) {
  std::vector<Token> result;
  auto isWord = [&](size_t at, StringRef text) {
    return at < tokens.size() && tokens[at].is(Token::Word, text);
  };
  for (size_t i = 0; i != tokens.size(); ++i) {
    bool isMember = isWord(i, ".") && i + 1 != tokens.size();
    if (isMember && isWord(i + 1, "strip") && isWord(i + 2, "(") &&
        isWord(i + 3, ")")) {
      result.insert(result.end(), {{Token::Word, "|"}, {Token::Word, "trim"}});
      i += 3;
    } else if (isMember && !isWord(i + 2, "(")) {
      result.insert(result.end(), {{Token::Word, "["},
                                   {Token::String, tokens[i + 1].text},
                                   {Token::Word, "]"}});
      ++i;
    } else if (tokens[i].kind == Token::String && i && isWord(i + 1, ")") &&
               isWord(i - 1, "(") && i > 1 &&
               isWord(i - 2, "raise_exception")) {
      continue;
    } else {
      result.push_back(tokens[i]);
    }
  }
  return result;
}

/// The parts of a sum; the whole if it is something else.
static std::vector<ArrayRef<Token>> splitSum(ArrayRef<Token> tokens) {
  std::vector<ArrayRef<Token>> parts;
  size_t begin = 0;
  for (size_t i = 0; i != tokens.size();) {
    const Token &token = tokens[i];
    if (token.is(Token::Word, "+") || token.is(Token::Word, "~")) {
      parts.push_back(tokens.slice(begin, i - begin));
      begin = i + 1;
    } else if (token.kind == Token::Word && token.text != "|" &&
               !is_contained({"(", "["}, token.text) &&
               (!(isAlpha(token.text[0]) || token.text[0] == '_') ||
                is_contained({"if", "else", "and", "or", "not", "in", "is"},
                             token.text))) {
      return {tokens};
    }
    i = nextPlace(tokens, i);
  }
  parts.push_back(tokens.drop_front(begin));
  return parts;
}

void Reader::print(ArrayRef<Token> expression) {
  for (ArrayRef<Token> part : splitSum(unwrap(expression))) {
    part = unwrap(part);
    if (part.size() == 1 && part[0].kind == Token::String) {
      addWritten(part[0].text);
      continue;
    }
    tokens.push_back({Token::Print, ""});
    tokens.insert(tokens.end(), part.begin(), part.end());
  }
}

bool Reader::readTag(char kind) {
  StringRef end = kind == '{' ? "}}" : "%}";
  tag.clear();
  int depth = 0;
  while (true) {
    rest = rest.ltrim(blanks);
    if (rest.empty())
      return false;
    if (depth == 0 && atEnd(end))
      break;
    char c = rest.front();
    if (c == '\'' || c == '"') {
      tag.push_back({Token::String, ""});
      if (!readString(tag.back().text))
        return false;
      continue;
    }
    size_t size = 1;
    auto isName = [](char c) { return isAlnum(c) || c == '_'; };
    if (isName(c))
      size = rest.take_while(isName).size();
    else if (is_contained({"==", "!=", "<=", ">=", "//", "**"},
                          rest.take_front(2)))
      size = 2;
    else if (static_cast<unsigned char>(c) <= ' ' || c & 0x80)
      return false;
    depth += StringRef("([{").contains(c);
    depth -= StringRef(")]}").contains(c);
    tag.push_back({Token::Word, rest.take_front(size).str()});
    rest = rest.drop_front(size);
  }
  std::vector<Token> simple = simplify(tag);
  if (kind == '{') {
    print(simple);
    return true;
  }
  tokens.push_back({Token::Block, ""});
  ArrayRef<Token> statement = simple;
  if (statement.size() > 1 && is_contained({"if", "elif"}, simple[0].text)) {
    tokens.push_back(simple[0]);
    statement = unwrap(statement.drop_front());
  }
  tokens.insert(tokens.end(), statement.begin(), statement.end());
  return true;
}

std::optional<std::vector<TemplateToken>> readTemplate(StringRef text) {
  Reader reader(text);
  if (!reader.run())
    return std::nullopt;
  return std::move(reader.tokens);
}

/// The place of the statement that ends the branch which goes on at `at`.
static size_t endOfBranch(ArrayRef<Token> tokens, size_t at) {
  int depth = 0;
  for (; at + 1 < tokens.size(); ++at) {
    if (tokens[at].kind != Token::Block)
      continue;
    StringRef word = tokens[at + 1].text;
    if (depth == 0 &&
        is_contained({"elif", "else", "endif", "endfor", "endmacro"}, word))
      return at;
    depth += is_contained({"if", "for", "macro"}, word);
    depth -= is_contained({"endif", "endfor", "endmacro"}, word);
  }
  return tokens.size();
}

bool matchTemplate(ArrayRef<TemplateToken> pattern,
                   ArrayRef<TemplateToken> tokens,
                   std::vector<std::string> &system) {
  static constexpr StringLiteral hole = "$SYSTEM";
  system.clear();
  size_t at = 0;
  for (const Token &wanted : pattern) {
    if (wanted.is(Token::Written, "...")) {
      at = endOfBranch(tokens, at);
      continue;
    }
    if (at == tokens.size() || tokens[at].kind != wanted.kind)
      return false;
    StringRef text = tokens[at++].text, expected = wanted.text;
    size_t place = expected.find(hole);
    if (place == StringRef::npos) {
      if (text != expected)
        return false;
      continue;
    }
    if (!text.consume_front(expected.take_front(place)) ||
        !text.consume_back(expected.drop_front(place + hole.size())) ||
        text.empty())
      return false;
    system.push_back(text.str());
  }
  return at == tokens.size();
}

} // namespace fpmoe
