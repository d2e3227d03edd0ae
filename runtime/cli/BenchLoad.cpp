//===- BenchLoad.cpp - texts as a server has them ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/BenchLoad.h"
#include "runtime/core/Machine.h"

using namespace fpmoe;

namespace {
class LoadedText final : public Task {
public:
  LoadedText(BenchLoad &load, int64_t generate)
      : load(load), left(generate), last(seconds()) {}

  Next next(float *) override {
    double now = seconds();
    (isFirst ? load.firstOnes : load.gaps).add(now - last);
    isFirst = false;
    last = now;
    return {prompt[left % prompt.size()], --left == 0};
  }
  void onEnd(End) override { isOver = true; }

  bool isOver = false;

private:
  BenchLoad &load;
  int64_t left;
  double last;
  bool isFirst = true;
};
} // namespace

std::vector<int32_t> fpmoe::randomTokens(int64_t count, uint64_t seed) {
  std::vector<int32_t> tokens;
  uint64_t state = seed;
  for (int64_t i = 0; i < count; ++i) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    tokens.push_back(
        static_cast<int32_t>((state >> 33) % fpmoe_model.vocabulary));
  }
  return tokens;
}

Status BenchLoad::open(Engine &engine) {
  SchedulerOptions options;
  options.sequences = sequences;
  // A text is let in where there is room for more than its prompt.
  int64_t positions =
      std::min(prompt + std::max<int64_t>(generate, 128) + pagePositions,
               fpmoe_model.context + pagePositions);
  options.cacheBytes =
      sequences * positions * usedLevel().cache_bytes_per_position;
  return Scheduler::create(fpmoe_model, usedLevel(), *engine.team,
                           *engine.weights, options, scheduler);
}

Status BenchLoad::run(bool (*stop)()) {
  std::vector<std::unique_ptr<LoadedText>> texts;
  int64_t left = 4 * sequences;
  double start = seconds();
  while (true) {
    for (std::unique_ptr<LoadedText> &text : texts)
      if (text->isOver)
        text.reset();
    texts.erase(std::remove(texts.begin(), texts.end(), nullptr), texts.end());
    for (; left > 0 && static_cast<int64_t>(texts.size()) < sequences; --left) {
      texts.push_back(std::make_unique<LoadedText>(*this, generate));
      LoadedText &text = *texts.back();
      // Pages of texts before it are not to be found.
      text.owner = ++numTexts;
      text.prompt = randomTokens(prompt, numTexts);
      Status status = scheduler->add(text);
      if (status.failed())
        return status;
    }
    if (texts.empty() || stop())
      break;
    scheduler->step();
    if (scheduler->status().failed())
      return scheduler->status();
  }
  for (std::unique_ptr<LoadedText> &text : texts)
    scheduler->cancel(*text);
  tokens.add(4 * sequences * (prompt + generate) / (seconds() - start));
  return Status::success();
}
