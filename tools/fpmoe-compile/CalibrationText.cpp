//===- CalibrationText.cpp - What weights are calibrated with -------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/fpmoe-compile/CalibrationText.h"
#include "lib/Calibrate/Sample.h"
#include "lib/Checkpoint/Input.h"
#include "lib/Tool/Process.h"
#include "runtime/tokenizer/Tokenizer.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace fpmoe;

/// Tokens of a text, and bytes of all files together.
static constexpr int64_t kLength = 512;
static constexpr uint64_t kMaxBytes = uint64_t(64) << 20;
/// Bytes that are tokenised; of more, as many pieces of this size as fit.
static constexpr size_t kTokenisedBytes = size_t(4) << 20;
static constexpr size_t kPieceBytes = size_t(64) << 10;

Expected<std::vector<std::string>>
fpmoe::listCalibrationFiles(const CalibrationOptions &options) {
  std::vector<std::string> files;
  StringRef path = options.path;
  if (path.empty())
    return files;
  if (!sys::fs::is_directory(path))
    return std::vector<std::string>{path.str()};
  std::error_code error;
  // Links to folders are not followed: they may lead in a circle.
  for (sys::fs::recursive_directory_iterator
           at(path, error, /*follow_symlinks=*/false),
       end;
       at != end && !error; at.increment(error)) {
    bool isHidden = sys::path::filename(at->path()).starts_with(".");
    if (sys::fs::is_directory(at->path())) {
      if (isHidden)
        at.no_push();
    } else if (!isHidden) {
      files.push_back(at->path());
    }
  }
  if (error)
    return fileError(path, "cannot be read: " + error.message());
  llvm::sort(files); // the same text in whatever order they lie
  return files;
}

static Error checkUtf8(StringRef path, StringRef text) {
  auto *at = reinterpret_cast<const UTF8 *>(text.begin());
  if (isLegalUTF8String(&at, reinterpret_cast<const UTF8 *>(text.end())))
    return Error::success();
  return fileError(
      path, "is not a text in UTF-8: see byte " +
                Twine(at - reinterpret_cast<const UTF8 *>(text.begin())));
}

static Expected<std::string> readText(const CalibrationOptions &options) {
  StringRef path = options.path;
  Expected<std::vector<std::string>> files = listCalibrationFiles(options);
  if (!files)
    return files.takeError();
  std::string all;
  for (const std::string &file : *files) {
    Expected<std::string> text = readSmallFile(file, kMaxBytes);
    if (!text)
      return text.takeError();
    if (Error e = checkUtf8(file, *text))
      return std::move(e);
    all += *text;
    if (all.size() > kMaxBytes)
      return fileError(path, "has more than 64 MiB of text, which calibration "
                             "does not take; 1 MiB is plenty");
  }
  if (StringRef(all).trim().empty())
    return fileError(path, "has no text to calibrate with");
  return all;
}

/// Lines from all over a long text.
static std::vector<StringRef> takePieces(StringRef text) {
  if (text.size() <= kTokenisedBytes)
    return {text};
  std::vector<StringRef> pieces;
  constexpr size_t count = kTokenisedBytes / kPieceBytes;
  for (size_t i = 0; i < count; ++i) {
    StringRef piece =
        text.substr(text.size() / count * i, kPieceBytes).split('\n').second;
    pieces.push_back(piece.substr(0, piece.rfind('\n')));
  }
  return pieces;
}

Expected<std::vector<std::vector<int32_t>>>
fpmoe::readCalibrationTexts(const CalibrationOptions &options,
                            ArrayRef<uint8_t> tables, int64_t multiple,
                            int64_t context) {
  std::string name =
      options.path.empty() ? "the calibration text of fpmoe" : options.path;
  std::string text = getCalibrationSample().str();
  if (!options.path.empty())
    if (Error e = readText(options).moveInto(text))
      return std::move(e);

  Tokenizer tokenizer;
  std::string problem;
  if (!Tokenizer::create(tables.data(), tables.size(), tokenizer, problem))
    return createStringError("the tokenizer cannot be used: " + problem);
  std::vector<int32_t> ids, part, begin;
  auto encode = [&](StringRef what, bool special,
                    std::vector<int32_t> &to) -> Error {
    if (tokenizer.encode({what.data(), what.size()}, special, to, problem))
      return Error::success();
    return fileError(name, "cannot be tokenised: " + problem);
  };
  for (StringRef piece : takePieces(text)) {
    if (Error e = encode(piece, /*special=*/false, part))
      return std::move(e);
    append_range(ids, part);
  }
  // What stands before a text is there before each of them.
  if (Error e = encode("a", false, part))
    return std::move(e);
  if (Error e = encode("a", true, begin))
    return std::move(e);
  begin.erase(std::search(begin.begin(), begin.end(), part.begin(), part.end()),
              begin.end());

  int64_t before = begin.size(), most = std::min(kLength, context);
  int64_t length = std::min<int64_t>(most, before + ids.size());
  length -= length % multiple;
  if (length == 0 && multiple <= most)
    length = multiple;
  if (length <= before || int64_t(ids.size()) < length - before)
    return fileError(name,
                     "has " + Twine(ids.size()) +
                         " tokens, fewer than the model takes together, " +
                         Twine(std::max(multiple, before + 1)));
  int64_t own = length - before, there = ids.size() / own;
  int64_t count = std::clamp<int64_t>(options.tokens / length, 1, there);
  std::vector<std::vector<int32_t>> texts;
  for (int64_t i = 0; i < count; ++i) {
    std::vector<int32_t> &to = texts.emplace_back(begin);
    append_range(to, ArrayRef(ids).slice(i * there / count * own, own));
  }
  if (count * length < 4096)
    errs() << "warning: "
           << printableLines(name + ": " + std::to_string(count * length) +
                             " tokens are few to calibrate with; 16384 are "
                             "better")
           << "\n";
  return texts;
}
