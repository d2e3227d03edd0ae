//===- SamplingArguments.cpp - options of sampling ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Defaults come from the program, so the help shows what holds without options.
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/SamplingArguments.h"
#include "include/fpmoe/runtime/abi.h"
#include "runtime/core/Machine.h"
#include "runtime/tokenizer/Utf8.h"

#include <algorithm>
#include <limits>
#include <sys/random.h>

using namespace fpmoe;

SamplerOptions fpmoe::defaultSampling() {
  SamplerOptions options;
  options.temperature = fpmoe_model.temperature;
  options.topP = fpmoe_model.top_p > 0 ? fpmoe_model.top_p : 1;
  options.topK = fpmoe_model.default_top_k;
  auto ids = [](const int32_t *first, int64_t count) {
    return std::vector<int32_t>(first, first + count);
  };
  options.ends = ids(fpmoe_model.eos_tokens, fpmoe_model.eos_count);
  if (!fpmoe_model.sampling)
    return options;
  const FpmoeSampling &given = *fpmoe_model.sampling;
  options.minP = given.min_p;
  options.repetitionPenalty = given.repetition_penalty;
  options.noRepeatNgram = given.no_repeat_ngram_size;
  options.minTokens = given.min_new_tokens;
  options.minLength = given.min_length;
  options.forcedFirst = static_cast<int32_t>(given.forced_bos_token);
  options.forcedLast = ids(given.forced_eos_tokens, given.forced_eos_count);
  options.suppressed = ids(given.suppress_tokens, given.suppress_count);
  options.suppressedFirst =
      ids(given.begin_suppress_tokens, given.begin_suppress_count);
  for (int64_t i = 0; i < given.sequence_bias_count; ++i) {
    const FpmoeSequenceBias &each = given.sequence_biases[i];
    options.biases.push_back(
        {ids(each.tokens, each.count), static_cast<float>(each.bias)});
  }
  return options;
}

void SamplingArguments::declare(Arguments &arguments) {
  if (fpmoe_model.sampling) {
    const char *const *first = fpmoe_model.sampling->stop_strings;
    stops.assign(first, first + fpmoe_model.sampling->stop_string_count);
  }
  constexpr int64_t most = int64_t(1) << 31;
  auto number = [&](double &value, const char *name, double least, double most,
                    const char *text) {
    arguments.number(value, name, least, most,
                     format("%s (default: %g)", text, value).c_str());
  };
  auto integer = [&](int64_t &value, const char *name, const char *text) {
    arguments.integer(
        value, name, 0, most,
        format("%s (default: %lld)", text, static_cast<long long>(value))
            .c_str());
  };
  number(sampler.temperature, "--temperature", 0, 100,
         "0: always the most likely token; 1: as the model\nweighs them");
  integer(sampler.topK, "--top-k",
          "draw among the N most likely tokens, 0: all");
  number(sampler.topP, "--top-p", 0, 1,
         "draw among the fewest tokens that have this share of\n"
         "the likelihood");
  number(sampler.minP, "--min-p", 0, 1,
         "draw among tokens that are at least X times as likely\n"
         "as the likeliest");
  number(sampler.repetitionPenalty, "--repetition-penalty", 0.01, 100,
         "divide logits of tokens of prompt and text by X,\n"
         "multiply negative ones; 1: as they are");
  number(sampler.presencePenalty, "--presence-penalty", -2, 2,
         "subtract X from logits of tokens of the text");
  number(sampler.frequencyPenalty, "--frequency-penalty", -2, 2,
         "the same for each time that the token was taken");
  integer(sampler.noRepeatNgram, "--no-repeat-ngram",
          "take no N tokens in a row a second time; 0: any");
  arguments.texts(biases, "--logit-bias", "ID=VALUE",
                  "add VALUE to the logit of a token, from -1000 to 1000,\n"
                  "or -inf, which bans it; may be repeated");
  arguments.texts(stops, "--stop", "TEXT",
                  "end before this text, which is not written, or at the\n"
                  "special token of this name; may be repeated");
  integer(sampler.minTokens, "--min-tokens",
          "let the model end the text after N tokens at the\nearliest");
  arguments.flag(sampler.neverEnds, "--ignore-eos",
                 "never let the model end the text");
  arguments.integer(seed, "--seed", 0, INT64_MAX,
                    "the same seed draws the same text (default: another one\n"
                    "each time)");
}

static Status parseBias(const std::string &given, SequenceBias &bias) {
  size_t equals = given.find('=');
  int64_t id = -1;
  double value = 0;
  bool good = equals != std::string::npos &&
              parseInteger(given.substr(0, equals), id) && id >= 0 &&
              id < fpmoe_model.vocabulary;
  if (good && given.substr(equals + 1) == "-inf")
    value = -std::numeric_limits<double>::infinity();
  else if (good)
    good = parseNumber(given.substr(equals + 1), value) && value >= -1000 &&
           value <= 1000;
  if (!good)
    return Status::error(format(
        "--logit-bias is '%s', it has to be ID=VALUE: an id from 0 to "
        "%lld and a number from -1000 to 1000, or -inf",
        given.c_str(), static_cast<long long>(fpmoe_model.vocabulary - 1)));
  bias = {{static_cast<int32_t>(id)}, static_cast<float>(value)};
  return Status::success();
}

Status SamplingArguments::check(const Arguments &arguments) {
  for (const std::string &given : biases) {
    SequenceBias bias;
    Status status = parseBias(given, bias);
    if (status.failed())
      return status;
    sampler.biases.push_back(std::move(bias));
  }
  for (const std::string &stop : stops) {
    size_t badOffset = 0;
    if (stop.empty() || !isValidUtf8(stop, badOffset))
      return Status::error(
          stop.empty()
              ? "--stop is empty, it has to be a text"
              : format("--stop is '%s', which is not UTF-8", stop.c_str()));
  }
  // What is said here outranks the authors' other way to say it.
  if (arguments.given("--min-tokens"))
    sampler.minLength = 0;
  if (sampler.neverEnds)
    sampler.forcedLast.clear();
  sampler.seed = seed;
  if (!arguments.given("--seed") &&
      getrandom(&sampler.seed, sizeof(sampler.seed), GRND_NONBLOCK) < 0)
    sampler.seed = nanoseconds();
  return Status::success();
}
