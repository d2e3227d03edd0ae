//===- PreTokenizer.cpp - cut a text into words -----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each step goes over all pieces that are still text and cuts them further.
// Steps that change the text rewrite the buffer that the pieces refer to.
//
//===----------------------------------------------------------------------===//
#include "runtime/tokenizer/TokenizerTables.h"

#include <algorithm>
#include <optional>

namespace fpmoe {

using namespace tokenizer_format;

/// Returns why the pattern gave up, or null.
static const char *split(const LoadedStep &step, std::string_view text,
                         std::vector<Piece> &pieces) {
  std::optional<Regex::Finder> finder;
  if (step.pattern.isRegex)
    finder.emplace(step.pattern.regex);
  std::vector<Piece> out;
  out.reserve(pieces.size());
  for (const Piece &piece : pieces) {
    if (piece.id != kNone) {
      out.push_back(piece);
      continue;
    }
    auto add = [&](size_t begin, size_t end) {
      if (begin < end)
        out.push_back({piece.begin + begin, piece.begin + end, kNone,
                       piece.first && begin == 0});
    };
    size_t done = 0, size = piece.end - piece.begin;
    const char *failure = step.pattern.forEach(
        finder ? &*finder : nullptr, text.substr(piece.begin, size),
        [&](size_t begin, size_t end) {
          if (!(step.flags & kRemoveRest))
            add(done, begin);
          if (!(step.flags & kRemoveMatches))
            add(begin, end);
          done = end;
          return true;
        });
    if (failure)
      return failure;
    if (!(step.flags & kRemoveRest))
      add(done, size);
  }
  pieces = std::move(out);
  return nullptr;
}

/// Rewrites the text of every piece: `rewrite(piece, old, out)` appends it.
/// Returns false if all are longer than `most`.
template <typename Rewrite>
static bool rewritePieces(size_t most, std::string &text,
                          std::vector<Piece> &pieces, Rewrite rewrite) {
  std::string out;
  out.reserve(text.size() + pieces.size());
  for (Piece &piece : pieces) {
    if (piece.id != kNone)
      continue;
    size_t begin = out.size();
    rewrite(piece,
            std::string_view(text).substr(piece.begin, piece.end - piece.begin),
            out);
    piece.begin = begin;
    piece.end = out.size();
    if (out.size() > most)
      return false;
  }
  text = std::move(out);
  return true;
}

static bool splitAtMetaspace(const LoadedStep &step, size_t most,
                             std::string &text, std::vector<Piece> &pieces) {
  std::string_view mark = step.content;
  bool fits = rewritePieces(
      most, text, pieces,
      [&](const Piece &piece, std::string_view old, std::string &out) {
        bool prepend = step.number == 2 || (step.number == 1 && piece.first);
        if (prepend && old[0] != ' ' && old.substr(0, mark.size()) != mark)
          out += mark;
        for (char byte : old) {
          if (byte == ' ')
            out += mark;
          else
            out += byte;
        }
      });
  if (!fits || !(step.flags & kCutWords))
    return fits;
  std::vector<Piece> cut;
  for (const Piece &piece : pieces) {
    if (piece.id != kNone) {
      cut.push_back(piece);
      continue;
    }
    std::string_view word =
        std::string_view(text).substr(piece.begin, piece.end - piece.begin);
    for (size_t begin = 0; begin < word.size();) {
      size_t end = std::min(word.find(mark, begin + 1), word.size());
      cut.push_back({piece.begin + begin, piece.begin + end, kNone,
                     piece.first && begin == 0});
      begin = end;
    }
  }
  pieces = std::move(cut);
  return true;
}

bool TokenizerTables::preTokenize(size_t most, std::string &text,
                                  std::vector<Piece> &pieces,
                                  std::string &error) const {
  for (size_t i = 0; i != preTokenizer.size(); ++i) {
    const LoadedStep &step = preTokenizer[i];
    const char *failure = nullptr;
    bool fits = true;
    switch (step.kind) {
    case StepKind::Split:
      failure = split(step, text, pieces);
      break;
    case StepKind::PrefixSpace:
      fits = rewritePieces(
          most, text, pieces,
          [](const Piece &, std::string_view old, std::string &out) {
            if (old[0] != ' ')
              out += ' ';
            out += old;
          });
      break;
    case StepKind::Metaspace:
      fits = splitAtMetaspace(step, most, text, pieces);
      break;
    default:
      break;
    }
    if (fits && !failure)
      continue;
    error = stepError("pre-tokenizer", i,
                      fits ? std::string("has a pattern that ") + failure
                           : kGrowthError);
    return false;
  }
  return true;
}

} // namespace fpmoe
