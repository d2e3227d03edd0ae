//===- Stepper.cpp - steps of the model over several sequences ---*- C++
//-*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Stepper.h"
#include "runtime/ranks/RanksRunner.h"

#include <algorithm>

using namespace fpmoe;

Status Stepper::create(const FpmoeModel &model, const FpmoeLevel &level,
                       Team &team, Weights &weights,
                       const StepperOptions &options,
                       std::unique_ptr<Stepper> &result) {
  std::unique_ptr<Stepper> made(new Stepper(model, level));
  made->cachePages = options.pages;
  made->maxLogits = options.logitsRows;
  if (options.recordRoutes && model.top_k > 0)
    made->routes.resize(model.layers * level.max_tokens * model.top_k);
  Status status;
  if (model.ranks > 1 && !Ranks::joined())
    status = Status::error("the model is split over ranks, and this process is "
                           "none of them");
  else if (model.ranks > 1)
    status = RanksRunner::create(*Ranks::joined(), model, level, team, weights,
                                 options, made->runner);
  else
    status = makeRunner(model, level, team, weights, options, made->runner);
  if (!status.failed())
    result = std::move(made);
  return status;
}

void Stepper::addQueryBlocks(int64_t first, int64_t count) {
  for (int64_t row = first, end = first + count; row < end;) {
    int64_t next =
        std::min(end, (row / level.query_rows + 1) * level.query_rows);
    queryBlocks.push_back(
        {static_cast<int32_t>(row), static_cast<int32_t>(next - row)});
    row = next;
  }
}

void Stepper::addRun(const StepRun &run) {
  int64_t first = tokens.size();
  tokens.insert(tokens.end(), run.tokens, run.tokens + run.count);
  for (int64_t i = 0; i < run.count; ++i) {
    positions.push_back(static_cast<int32_t>(run.position + i));
    if (i >= run.logitsFrom)
      logitsRowsOf.push_back(static_cast<int32_t>(first + i));
  }
  pagesOf.insert(pagesOf.end(), run.count, run.pages);
  forced.insert(forced.end(), run.count, run.forced);
  if (run.languages)
    languages.insert(languages.end(), run.languages, run.languages + run.count);
  else
    languages.insert(languages.end(), run.count, -1);
  for (int64_t i = 0; i < run.segments; ++i)
    segments.push_back(static_cast<int32_t>(first + i * model.segment));
  addQueryBlocks(first, run.count);
}

Status Stepper::step(const std::vector<StepRun> &runs, bool wholeText) {
  for (std::vector<int32_t> *rows :
       {&tokens, &positions, &logitsRowsOf, &forced, &languages, &segments})
    rows->clear();
  pagesOf.clear();
  queryBlocks.clear();
  for (const StepRun &run : runs)
    addRun(run);
  std::fill(routes.begin(), routes.end(), -1);

  FpmoeStep step = {};
  step.tokens = tokens.data();
  step.count = tokens.size();
  step.positions = positions.data();
  step.pages = pagesOf.data();
  step.query_blocks = queryBlocks.data();
  step.query_block_count = queryBlocks.size();
  step.logits_rows = logitsRowsOf.data();
  step.logits_count = logitsRowsOf.size();
  step.cache_pages = cachePages;
  step.routes = routes.empty() ? nullptr : routes.data();
  step.forced = forced.data();
  step.languages = model.languages > 0 ? languages.data() : nullptr;
  step.segments = segments.data();
  step.segment_count = segments.size();
  step.whole_text = wholeText;
  return runner->run(step, firstLogitsRow);
}

void Stepper::appendRoutes(int64_t row, std::vector<int32_t> &to) const {
  if (routes.empty())
    return;
  int64_t k = model.top_k;
  for (int64_t layer = 0; layer < model.layers; ++layer) {
    auto from = routes.begin() + (layer * level.max_tokens + row) * k;
    to.insert(to.end(), from, from + k);
  }
}
