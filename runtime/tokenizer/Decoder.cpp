//===- Decoder.cpp - token ids back to text ---------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each decoder step is a stage that takes tokens and hands them on. A stage
// behind one that joins all tokens sees parts of a single token; those whose
// work does not split over parts collect the whole first.
//
//===----------------------------------------------------------------------===//
#include "runtime/tokenizer/Tokenizer.h"
#include "runtime/tokenizer/TokenizerTables.h"

namespace fpmoe {

using namespace tokenizer_format;

StreamDecoder::StreamDecoder(const Tokenizer &tokenizer, bool skipSpecialTokens)
    : tables(tokenizer.tables.get()), skipSpecialTokens(skipSpecialTokens),
      stages(tables->decoder.size()) {}

/// Whether the input of a step is one token that comes in parts.
static bool isJoined(const std::vector<LoadedStep> &steps, size_t index) {
  for (size_t i = 0; i != index; ++i)
    if (steps[i].kind == StepKind::Fuse || steps[i].kind == StepKind::ByteLevel)
      return true;
  return false;
}

/// Whether a step on joined input must see all of it.
static bool needsWhole(const LoadedStep &step) {
  return step.kind == StepKind::Replace || step.kind == StepKind::ByteLevel ||
         step.kind == StepKind::ByteFallback ||
         (step.kind == StepKind::Strip && step.number2 != 0);
}

/// The byte that a token of the form <0xXX> stands for.
static bool parseByteToken(std::string_view token, char &byte) {
  if (token.size() != 6 || token.substr(0, 3) != "<0x" || token[5] != '>')
    return false;
  auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  // A plus sign counts as no digit, as in the reader of the original.
  int high = token[3] == '+' ? 0 : digit(token[3]), low = digit(token[4]);
  if (high < 0 || low < 0)
    return false;
  byte = static_cast<char>(high << 4 | low);
  return true;
}

/// The bytes that the characters of a token stand for; a token with any other
/// character stands for itself.
static std::string mappedBytes(std::string_view token) {
  std::string bytes;
  for (size_t at = 0; at < token.size(); at += characterSize(token[at])) {
    uint32_t character = decodeCharacter(token.substr(at));
    // The inverse of byteToCharacter.
    uint32_t byte = character < 0x100    ? character
                    : character <= 0x120 ? character - 0x100
                    : character <= 0x142 ? character - 0x121 + 0x7f
                                         : 0xad;
    if (character > 0x143 ||
        byteToCharacter(static_cast<uint8_t>(byte)) != character)
      return std::string(token);
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

/// Text of a run of <0xXX> tokens: one U+FFFD per byte unless it is UTF-8.
static std::string byteRunText(std::string_view bytes) {
  size_t badOffset;
  if (isValidUtf8(bytes, badOffset))
    return std::string(bytes);
  std::string out;
  for (size_t i = 0; i != bytes.size(); ++i)
    out += "\xef\xbf\xbd";
  return out;
}

/// Takes `content` off the start, at most `most` times.
static size_t stripStart(std::string &token, std::string_view content,
                         size_t most) {
  size_t count = 0;
  while (count < most && std::string_view(token).substr(
                             count * content.size(), content.size()) == content)
    ++count;
  token.erase(0, count * content.size());
  return count;
}

/// Takes `content` off the end, at most `most` times.
static void stripEnd(std::string &token, std::string_view content,
                     size_t most) {
  for (size_t i = 0; i != most && token.size() >= content.size(); ++i) {
    size_t begin = token.size() - content.size();
    if (token.compare(begin, content.size(), content) != 0)
      return;
    token.erase(begin);
  }
}

/// Whether `size` bytes may come of the tokens so far.
bool StreamDecoder::fits(size_t index, size_t size) {
  bool good = size <= mostBytesFrom(taken);
  if (!good && problem.empty())
    problem = stepError("decoder", index, kGrowthError);
  return good;
}

bool StreamDecoder::replace(size_t index, std::string &token) {
  std::string out, error;
  if (!replaceMatches(tables->decoder[index], token, mostBytesFrom(taken), out,
                      error))
    problem = stepError("decoder", index, error);
  token = std::move(out);
  return problem.empty();
}

void StreamDecoder::run(size_t index, std::string token, std::string &out) {
  if (index == stages.size()) {
    given += token.size();
    if (fits(index - 1, given))
      out += token;
    return;
  }
  const LoadedStep &step = tables->decoder[index];
  Stage &stage = stages[index];
  bool wasStarted = stage.started;
  stage.started = true;
  bool joined = isJoined(tables->decoder, index);
  if (joined && needsWhole(step)) {
    if (fits(index, stage.pending.size() + token.size()))
      stage.pending += token;
    return;
  }
  switch (step.kind) {
  case StepKind::Replace:
    if (!replace(index, token))
      return;
    break;
  case StepKind::Metaspace: {
    bool drop = step.number != 0 && (joined || !wasStarted);
    std::string text;
    for (size_t at = 0; at < token.size();) {
      if (std::string_view(token).substr(at, step.content.size()) ==
          step.content) {
        text += drop ? "" : " ";
        at += step.content.size();
      } else {
        text += token[at++];
      }
    }
    token = std::move(text);
    break;
  }
  case StepKind::ByteLevel: {
    stage.pending += mappedBytes(token);
    if (!eager)
      return;
    token.clear();
    stage.pending.erase(0, appendLossy(stage.pending, /*final=*/false, token));
    break;
  }
  case StepKind::ByteFallback: {
    char byte;
    if (!parseByteToken(token, byte)) {
      if (!stage.pending.empty()) {
        std::string run = byteRunText(stage.pending);
        stage.pending.clear();
        this->run(index + 1, std::move(run), out);
      }
      break;
    }
    stage.pending += byte;
    // The run is one token. Its parts may go on only to what joins tokens.
    bool inParts = index + 1 == stages.size() ||
                   tables->decoder[index + 1].kind == StepKind::Fuse;
    size_t badOffset;
    if (!eager || !inParts || !isValidUtf8(stage.pending, badOffset))
      return;
    token = std::move(stage.pending);
    stage.pending.clear();
    break;
  }
  case StepKind::Strip:
    if (joined) {
      if (stage.stripping && !token.empty())
        stage.stripped +=
            stripStart(token, step.content, step.number - stage.stripped);
      stage.stripping = stage.stripping && token.empty();
    } else {
      stripStart(token, step.content, step.number);
      stripEnd(token, step.content, step.number2);
    }
    break;
  case StepKind::Join:
    if (wasStarted)
      token.insert(0, step.content);
    break;
  default:
    break;
  }
  run(index + 1, std::move(token), out);
}

void StreamDecoder::finish(size_t index, std::string &out) {
  if (index == stages.size() || !problem.empty())
    return;
  const LoadedStep &step = tables->decoder[index];
  Stage stage = std::move(stages[index]);
  stages[index] = Stage();
  std::string token;
  bool joined = isJoined(tables->decoder, index);
  if (step.kind == StepKind::ByteLevel && !joined) {
    appendLossy(stage.pending, /*final=*/true, token);
  } else if (step.kind == StepKind::ByteFallback && !joined) {
    token = byteRunText(stage.pending);
  } else if (!stage.pending.empty()) {
    // The whole of a joined token: the step now takes it as any other.
    char byte;
    switch (step.kind) {
    case StepKind::Replace:
      token = std::move(stage.pending);
      if (!replace(index, token))
        return;
      break;
    case StepKind::ByteLevel:
      appendLossy(mappedBytes(stage.pending), /*final=*/true, token);
      break;
    case StepKind::ByteFallback:
      token = parseByteToken(stage.pending, byte)
                  ? byteRunText(std::string_view(&byte, 1))
                  : stage.pending;
      break;
    default:
      token = std::move(stage.pending);
      stripStart(token, step.content, step.number);
      stripEnd(token, step.content, step.number2);
      break;
    }
  }
  if (!token.empty())
    run(index + 1, std::move(token), out);
  finish(index + 1, out);
}

std::string StreamDecoder::push(int32_t id) {
  std::string out;
  uint8_t flags = tables->tokenFlags(static_cast<uint32_t>(id));
  if (flags == 0 || (skipSpecialTokens && (flags & kSpecial)) ||
      !problem.empty())
    return out;
  std::string_view text = tables->textToDecode(static_cast<uint32_t>(id));
  // Only damaged tables have other texts; the stages rely on UTF-8.
  if (size_t badOffset; isValidUtf8(text, badOffset)) {
    taken += text.size() + 1; // an empty token may give a separator
    run(0, std::string(text), out);
  }
  return out;
}

std::string StreamDecoder::flush() {
  std::string out;
  finish(0, out);
  taken = given = 0;
  return out;
}

bool Tokenizer::decode(const std::vector<int32_t> &ids, bool skipSpecialTokens,
                       std::string &text, std::string &error) const {
  StreamDecoder decoder(*this, skipSpecialTokens);
  decoder.eager = false;
  text.clear();
  for (int32_t id : ids)
    text += decoder.push(id);
  text += decoder.flush();
  error = decoder.error();
  return error.empty();
}

} // namespace fpmoe
