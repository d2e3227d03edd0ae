//===- Sequence.cpp - a text in the model ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Sequence.h"

#include <algorithm>
#include <cassert>

using namespace fpmoe;

StepRun Sequence::plan(int64_t most, int64_t logitsFrom) {
  StepRun run;
  int64_t length = model.segment, left = size() - numFed;
  run.position = numFed;
  if (length == 0) {
    run.count = std::min(left, most);
  } else if (mustClose()) {
    run.position = numClosed;
    run.count = length;
    run.segments = 1;
  } else {
    int64_t offset = numFed - numClosed, whole = 0;
    if (offset == 0)
      whole = std::max<int64_t>(
                  std::min({left, most, logitsFrom - numFed}) / length, 0) *
              length;
    // What is left may go with whole segments, if it completes none.
    if (whole == 0)
      run.count = std::min({left, most, length - offset});
    else
      run.count = left - whole < length && left <= most ? left : whole;
    run.segments = whole / length;
  }
  run.logitsFrom =
      std::min(std::max<int64_t>(logitsFrom - run.position, 0), run.count);
  if (mustClose())
    run.logitsFrom = run.count;
  run.tokens = tokens.data() + run.position;
  run.pages = pages.data();
  if (model.languages > 0) {
    languages.resize(std::max(languages.size(), tokens.size()), -1);
    if (forced >= 0)
      std::fill(languages.begin(), languages.end(), forced);
    run.languages = languages.data() + run.position;
  } else {
    run.forced = forced;
  }
  return run;
}

int64_t Sequence::advance(const StepRun &run) {
  numClosed += run.segments * model.segment;
  int64_t added = run.position + run.count - numFed;
  numFed += added;
  return added;
}

int64_t Sequence::guessRoom() const {
  if (model.segment == 0)
    return model.context;
  return mustClose() ? 0 : model.segment - (numFed - numClosed) - 1;
}

void Sequence::rewind(int64_t count) {
  assert(count >= numClosed && count <= numFed);
  numFed = count;
}

void Sequence::clear() {
  tokens.clear();
  languages.clear();
  numFed = numClosed = 0;
}
