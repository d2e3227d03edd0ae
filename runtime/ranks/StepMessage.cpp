//===- StepMessage.cpp - a step as rank 0 tells it ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A message of one decoded token has some hundred bytes. What comes is checked
// as the callers of steps check what they are given.
//
//===----------------------------------------------------------------------===//

#include "runtime/ranks/StepMessage.h"

#include <algorithm>

using namespace fpmoe;

namespace {
/// What of a step is told, in this order: tokens, positions, query blocks, rows
/// of logits, segments, forced experts and languages where there are some, and
/// of each sequence how many rows it has and the pages that it uses.
struct StepHead {
  int32_t count, blocks, logits, segments, sequences;
  int32_t hasForced, hasLanguages, wholeText;
  CopyState copy;
};
} // namespace

/// Rows from `first` on that are of one sequence: those have one pointer.
static int64_t rowsOfSequence(const FpmoeStep &step, int64_t first) {
  int64_t end = first;
  while (end < step.count && step.pages[end] == step.pages[first])
    ++end;
  return end - first;
}

static int32_t pagesUntil(int32_t position) {
  return position / FPMOE_PAGE_POSITIONS + 1;
}

void fpmoe::encodeStep(const FpmoeStep &step, CopyState copy,
                       RanksMessage &message) {
  StepHead head = {};
  head.count = static_cast<int32_t>(step.count);
  head.blocks = static_cast<int32_t>(step.query_block_count);
  head.logits = static_cast<int32_t>(step.logits_count);
  head.segments = static_cast<int32_t>(step.segment_count);
  for (int64_t row = 0; row < step.count; row += rowsOfSequence(step, row))
    ++head.sequences;
  head.hasForced = step.forced != nullptr;
  head.hasLanguages = step.languages != nullptr;
  head.wholeText = step.whole_text;
  head.copy = copy;
  append(message, &head);
  append(message, step.tokens, step.count);
  append(message, step.positions, step.count);
  append(message, step.query_blocks, step.query_block_count);
  append(message, step.logits_rows, step.logits_count);
  append(message, step.segments, step.segment_count);
  if (step.forced)
    append(message, step.forced, step.count);
  if (step.languages)
    append(message, step.languages, step.count);
  for (int64_t row = 0; row < step.count;) {
    auto rows = static_cast<int32_t>(rowsOfSequence(step, row));
    append(message, &rows);
    append(message, step.pages[row],
           pagesUntil(step.positions[row + rows - 1]));
    row += rows;
  }
}

static bool areWithin(const std::vector<int32_t> &numbers, int64_t least,
                      int64_t end) {
  return std::all_of(numbers.begin(), numbers.end(), [&](int32_t number) {
    return number >= least && number < end;
  });
}

static bool areAscending(const std::vector<int32_t> &numbers) {
  return std::adjacent_find(numbers.begin(), numbers.end(),
                            std::greater_equal<int32_t>()) == numbers.end();
}

/// All rows in their order, each block within a run of as many rows as attend
/// together.
static bool areBlocks(const std::vector<FpmoeQueryBlock> &blocks, int64_t count,
                      int64_t queryRows) {
  int64_t next = 0;
  for (const FpmoeQueryBlock &block : blocks) {
    if (block.first != next || block.rows < 1 ||
        block.first % queryRows + block.rows > queryRows)
      return false;
    next += block.rows;
  }
  return next == count;
}

/// Segments lie one behind the other, in rows of the step.
static bool areSegments(const std::vector<int32_t> &segments, int64_t length,
                        int64_t count) {
  for (size_t i = 0; i < segments.size(); ++i)
    if (length < 1 || segments[i] < 0 || segments[i] + length > count ||
        (i > 0 && segments[i] < segments[i - 1] + length))
      return false;
  return true;
}

Status DecodedStep::readPages(MessageReader &reader, const FpmoeModel &model,
                              int32_t sequences) {
  auto wrong = [] { return Status::error("rows do not make sequences"); };
  std::vector<int64_t> firstOf; // page of a row's sequence
  int64_t count = positions.size(), row = 0;
  tables.clear();
  for (int32_t i = 0; i < sequences; ++i) {
    int32_t rows = 0;
    reader.read(&rows);
    if (reader.failed() || rows < 1 || rows > count - row)
      return wrong();
    int32_t first = positions[row];
    if (first < 0 || first + int64_t(rows) > model.context)
      return wrong();
    for (int32_t j = 0; j < rows; ++j)
      if (positions[row + j] != first + j)
        return wrong();
    firstOf.insert(firstOf.end(), rows, tables.size());
    std::vector<int32_t> table;
    reader.read(table, pagesUntil(first + rows - 1));
    tables.insert(tables.end(), table.begin(), table.end());
    row += rows;
  }
  if (row != count || reader.failed())
    return wrong();
  pages.clear();
  for (int64_t first : firstOf)
    pages.push_back(&tables[first]);
  return Status::success();
}

Status DecodedStep::decode(MessageReader &reader, const FpmoeModel &model,
                           const FpmoeLevel &level,
                           const StepperOptions &options) {
  StepHead head = {};
  reader.read(&head);
  if (reader.failed() || head.count < 1 || head.count > level.max_tokens ||
      head.logits < 0 || head.logits > options.logitsRows ||
      head.sequences < 1 || head.wholeText < 0 || head.wholeText > 1 ||
      head.copy < CopyState::none || head.copy > CopyState::complete)
    return Status::error("its sizes are not those of a step");
  reader.read(tokens, head.count);
  reader.read(positions, head.count);
  reader.read(blocks, head.blocks);
  reader.read(logitsRows, head.logits);
  reader.read(segments, head.segments);
  reader.read(forced, head.hasForced ? head.count : 0);
  reader.read(languages, head.hasLanguages ? head.count : 0);
  if (reader.failed())
    return Status::error("it is cut short");
  Status status = readPages(reader, model, head.sequences);
  if (status.failed())
    return status;
  if (!reader.isDone())
    return Status::error("it does not end where it should");
  if (!areWithin(tokens, 0, model.vocabulary))
    return Status::error("an id is outside of the vocabulary");
  if (!areWithin(tables, 0, options.pages))
    return Status::error("a page is outside of the cache");
  if (!areWithin(logitsRows, 0, head.count) || !areAscending(logitsRows))
    return Status::error("logits are wanted of rows that it does not have");
  if (!areBlocks(blocks, head.count, level.query_rows))
    return Status::error("its query blocks are not all of its rows");
  if (!areSegments(segments, model.segment, head.count))
    return Status::error("its segments are not all in it");
  if (!areWithin(forced, -1, model.experts) ||
      !areWithin(languages, -1, model.languages))
    return Status::error("it names an expert that does not exist");
  step = {};
  step.tokens = tokens.data();
  step.count = head.count;
  step.positions = positions.data();
  step.pages = pages.data();
  step.query_blocks = blocks.data();
  step.query_block_count = head.blocks;
  step.logits_rows = logitsRows.data();
  step.logits_count = head.logits;
  step.cache_pages = options.pages;
  step.forced = head.hasForced ? forced.data() : nullptr;
  step.languages = head.hasLanguages ? languages.data() : nullptr;
  step.segments = segments.data();
  step.segment_count = head.segments;
  step.whole_text = head.wholeText;
  copy = head.copy;
  return Status::success();
}
