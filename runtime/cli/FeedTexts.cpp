//===- FeedTexts.cpp - texts that are known, in few steps ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/FeedTexts.h"
#include "runtime/core/Sequence.h"

#include <algorithm>
#include <deque>

using namespace fpmoe;

namespace {
struct Piece {
  size_t text;
  int64_t first; ///< of the text's tokens
  Sequence sequence;
  StepRun run = {}; ///< of this step
};

class Feeder {
public:
  Feeder(const std::vector<const FedText *> &texts, const FeedOptions &options)
      : texts(texts), options(options) {}

  Status open(Engine &engine);
  /// Runs one step, if something is left.
  Status step(bool &isLeft);
  Status tell(const OnFed &onFed);

private:
  int64_t sizeOf(int64_t from) const {
    return std::min<int64_t>(texts[nextText]->ids.size() - from,
                             fpmoe_model.context);
  }
  bool startPiece();
  bool plan(Piece &piece, int64_t most);

  const std::vector<const FedText *> &texts;
  const FeedOptions &options;
  std::unique_ptr<Stepper> stepper;
  std::vector<int32_t> unused; ///< pages
  std::deque<Piece> pieces;    ///< in the cache; the first is fed first
  size_t inStep = 0;           ///< of these
  size_t nextText = 0;
  int64_t nextFirst = 0;
};
} // namespace

static int64_t pagesOf(int64_t positions) {
  return (positions + pagePositions - 1) / pagePositions;
}

Status Feeder::open(Engine &engine) {
  // The longest piece, and short ones that fill a step beside its end.
  int64_t longest = 0, all = 0;
  for (const FedText *text : texts) {
    int64_t size = std::min<int64_t>(text->ids.size(), fpmoe_model.context);
    longest = std::max(longest, size);
    all += pagesOf(text->ids.size()) + text->ids.size() / fpmoe_model.context;
  }
  constexpr int64_t kMorePieces = 32;
  StepperOptions memory;
  memory.pages =
      std::min(all, pagesOf(longest) + pagesOf(options.chunk) + kMorePieces);
  memory.logitsRows = options.chunk;
  for (int64_t page = 0; page < memory.pages; ++page)
    unused.push_back(static_cast<int32_t>(page));
  return Stepper::create(fpmoe_model, usedLevel(), *engine.team,
                         *engine.weights, memory, stepper);
}

/// Begins with the next piece, if there is one and it has room.
bool Feeder::startPiece() {
  if (nextText == texts.size())
    return false;
  const FedText &text = *texts[nextText];
  int64_t size = sizeOf(nextFirst);
  if (pagesOf(size) > static_cast<int64_t>(unused.size()))
    return false;
  pieces.push_back(
      {nextText, nextFirst, Sequence(fpmoe_model, options.language)});
  Sequence &sequence = pieces.back().sequence;
  auto part = [&](const std::vector<int32_t> &whole) {
    return std::vector<int32_t>(&whole[nextFirst], &whole[nextFirst] + size);
  };
  sequence.tokens = part(text.ids);
  if (!text.languages.empty())
    sequence.languages = part(text.languages);
  auto firstPage = unused.end() - pagesOf(size);
  sequence.pages.assign(firstPage, unused.end());
  unused.erase(firstPage, unused.end());
  nextFirst += size;
  if (nextFirst == static_cast<int64_t>(text.ids.size())) {
    ++nextText;
    nextFirst = 0;
  }
  return true;
}

/// Plans a run of at most `most` tokens, with logits of all that are new.
bool Feeder::plan(Piece &piece, int64_t most) {
  Sequence &sequence = piece.sequence;
  piece.run = sequence.plan(most, sequence.fed());
  if (options.wholeText) {
    piece.run.count = sequence.size();
    piece.run.logitsFrom = 0;
    piece.run.segments = sequence.size() / fpmoe_model.segment;
  }
  // Closing a segment takes all of its tokens, whatever the step.
  return piece.run.count <= most || inStep == 0;
}

Status Feeder::step(bool &isLeft) {
  std::vector<StepRun> runs;
  inStep = 0;
  for (int64_t left = options.chunk; left > 0;) {
    if (inStep == pieces.size() && !startPiece())
      break;
    Piece &piece = pieces[inStep];
    if (!plan(piece, left))
      break;
    ++inStep;
    runs.push_back(piece.run);
    left -= piece.run.count;
    // What follows a piece is told after all of it.
    if (options.wholeText ||
        piece.run.position + piece.run.count < piece.sequence.size())
      break;
  }
  isLeft = !runs.empty();
  return isLeft ? stepper->step(runs, options.wholeText) : Status::success();
}

Status Feeder::tell(const OnFed &onFed) {
  Status status = Status::success();
  int64_t row = 0;
  for (size_t i = 0; i < inStep; ++i) {
    Piece &piece = pieces[i];
    int64_t rows = piece.run.count - piece.run.logitsFrom;
    int64_t first = piece.first + piece.run.position + piece.run.logitsFrom;
    if (rows > 0 && !status.failed())
      status = onFed(piece.text, first, rows, stepper->logitsRow(row));
    row += rows;
    piece.sequence.advance(piece.run);
  }
  while (!pieces.empty() && !pieces.front().sequence.isBehind()) {
    const std::vector<int32_t> &pages = pieces.front().sequence.pages;
    unused.insert(unused.end(), pages.begin(), pages.end());
    pieces.pop_front();
  }
  return status;
}

Status fpmoe::feedTexts(Engine &engine,
                        const std::vector<const FedText *> &texts,
                        const FeedOptions &options, bool (*stop)(),
                        const OnFed &onFed) {
  Feeder feeder(texts, options);
  Status status = feeder.open(engine);
  for (bool isLeft = true; !status.failed() && !stop();) {
    status = feeder.step(isLeft);
    if (!isLeft)
      break;
    if (!status.failed())
      status = feeder.tell(onFed);
  }
  return status;
}
