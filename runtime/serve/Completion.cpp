//===- Completion.cpp - the text that follows a prompt ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/serve/Completion.h"
#include "runtime/cli/Engine.h"
#include "runtime/core/Machine.h"
#include "runtime/core/Math.h"

#include <algorithm>
#include <cmath>

using namespace fpmoe;

ScoredToken fpmoe::scoreToken(const float *logits, int64_t vocabulary,
                              int32_t token, int64_t count) {
  double normal = logSumExp(logits, vocabulary);
  ScoredToken score = {token, logits[token] - normal, {}};
  count = std::min(count, vocabulary);
  if (count == 0)
    return score;
  std::vector<int32_t> order(vocabulary);
  for (int64_t i = 0; i < vocabulary; ++i)
    order[i] = static_cast<int32_t>(i);
  std::partial_sort(order.begin(), order.begin() + count, order.end(),
                    [&](int32_t a, int32_t b) {
                      return logits[a] != logits[b] ? logits[a] > logits[b]
                                                    : a < b;
                    });
  for (int64_t i = 0; i < count; ++i)
    score.top.emplace_back(order[i], logits[order[i]] - normal);
  return score;
}

void CompletionOptions::addStop(const Text &text, const std::string &stop) {
  int32_t token = text.specialToken(stop);
  if (token >= 0)
    stopTokens.push_back(token);
  else if (text.hasTokenizer())
    stops.push_back(stop);
}

Completion::Completion(const Text &text, std::vector<int32_t> ids,
                       CompletionOptions given)
    : options(std::move(given)), sampler(options.sampler),
      stream(text, /*asIds=*/!text.hasTokenizer()), stops(options.stops) {
  prompt = std::move(ids);
  state = sampler.start(prompt);
  if (fpmoe_model.languages > 0)
    languages = std::make_unique<TokenLanguages>(text, options.file);
  if (options.wantsLogprobs)
    row.resize(fpmoe_model.vocabulary);
  // Some decoders drop the blank before a text, which what follows the prompt
  // does not begin.
  if (text.hasTokenizer())
    for (int32_t token : prompt)
      stream.skip(token);
}

std::vector<int32_t>
Completion::languagesOf(const std::vector<int32_t> &tokens) {
  return languages->next(tokens);
}

void Completion::onStart(int64_t found) {
  if (onStarted)
    onStarted(found);
}

void Completion::onPromptLogits(int64_t position, float *logits) {
  // A sequence that was put off tells them again.
  if (position < static_cast<int64_t>(scores.size()))
    return;
  scores.push_back(scoreToken(logits, fpmoe_model.vocabulary,
                              prompt[position + 1], options.topLogprobs));
}

void Completion::onRoutes(int64_t position, const int32_t *routes) {
  if (onExpert)
    onExpert(position, mainExpert(routes));
}

Task::Next Completion::finish(Reason how) {
  reason = how;
  return {-1, true};
}

Task::Next Completion::next(float *logits) {
  if (options.maxTokens == 0)
    return finish(Reason::length);
  if (options.wantsLogprobs) // the sampler changes them
    row.assign(logits, logits + fpmoe_model.vocabulary);
  int32_t token = sampler.sample(logits, fpmoe_model.vocabulary, state);
  if (token < 0) {
    problem = Status::error(
        token == Sampler::allBanned
            ? "no token may follow: what was asked for, or the defaults of "
              "the model's authors, ban all of them"
            : format("the logits are not numbers: the weights are damaged, or "
                     "too large for %s",
                     fpmoe_model.weight_format));
    return finish(Reason::error);
  }
  auto has = [&](const std::vector<int32_t> &tokens) {
    return std::count(tokens.begin(), tokens.end(), token) > 0;
  };
  if (has(options.sampler.ends) || has(options.stopTokens))
    return finish(Reason::stop);
  return addToken(token, options.wantsLogprobs
                             ? scoreToken(row.data(), fpmoe_model.vocabulary,
                                          token, options.topLogprobs)
                             : ScoredToken());
}

Task::Next Completion::addToken(int32_t token, ScoredToken score) {
  state.tokens.push_back(token);
  ++numMade;
  std::string text = stream.push(token);
  if (stream.status().failed()) {
    problem = stream.status();
    return finish(Reason::error);
  }
  pending += text;
  bool isStopped = stops.push(text);
  Piece piece;
  piece.tokens = {token};
  if (options.wantsLogprobs)
    piece.scored.push_back(std::move(score));
  size_t free = pending.size() - std::min(stops.held(), pending.size());
  piece.text = pending.substr(0, free);
  pending.erase(0, free);
  if (isStopped) {
    for (const std::string &stop : options.stops)
      if (pending.compare(0, stop.size(), stop) == 0)
        stoppedBy = stop;
    pending.clear();
  }
  onPiece(std::move(piece));
  if (isStopped) {
    reason = Reason::stop;
    return {token, true};
  }
  bool isLate = false;
  if (options.mostSeconds > 0) {
    firstTime = firstTime > 0 ? firstTime : seconds();
    isLate = seconds() - firstTime >= options.mostSeconds;
  }
  if (isLate || numMade == options.maxTokens) {
    reason = Reason::length;
    return {token, true};
  }
  return {token, false};
}

void Completion::refuse(const Status &why) {
  problem = why;
  onDone(Reason::error);
}

void Completion::onEnd(End how) {
  if (how == End::full)
    reason = Reason::length;
  if (how == End::cancelled)
    reason = Reason::cancelled;
  if (how == End::failed)
    return refuse(failure);
  bool isStopped = reason == Reason::stop && !stoppedBy.empty();
  // Half a character may be left of the prompt alone.
  std::string rest = pending + (numMade > 0 ? stream.finish() : "");
  if (!isStopped && !rest.empty() && reason != Reason::cancelled) {
    Piece piece;
    piece.text = std::move(rest);
    onPiece(std::move(piece));
  }
  onDone(reason);
}
