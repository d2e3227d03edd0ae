//===- Info.cpp - the command info ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Prints everything the compiler wrote into the program about the model.
//
//===----------------------------------------------------------------------===//

#include "include/fpmoe/runtime/abi.h"
#include "runtime/cli/Arguments.h"
#include "runtime/cli/Commands.h"
#include "runtime/cli/Console.h"
#include "runtime/cli/Engine.h"
#include "runtime/cli/Json.h"
#include "runtime/cli/SamplingArguments.h"
#include "runtime/cli/Text.h"
#include "runtime/cli/Units.h"
#include "runtime/core/Level.h"
#include "runtime/core/Machine.h"

using namespace fpmoe;

/// How texts are continued without options.
static std::string samplingText() {
  SamplerOptions o = defaultSampling();
  std::string text =
      o.temperature > 0
          ? format("temperature %g, top-p %g, top-k %lld", o.temperature,
                   o.topP, static_cast<long long>(o.topK))
          : "the most likely token";
  auto add = [&](bool isGiven, const char *what, double value) {
    if (isGiven)
      text += format(", %s %g", what, value);
  };
  add(o.minP > 0 && o.temperature > 0, "min-p", o.minP);
  add(o.repetitionPenalty != 1, "repetition penalty", o.repetitionPenalty);
  add(o.noRepeatNgram > 0, "no repeated n-gram of", o.noRepeatNgram);
  add(o.minTokens > 0, "least tokens", o.minTokens);
  add(o.minLength > 0, "least tokens with the prompt", o.minLength);
  add(!o.suppressed.empty(), "suppressed tokens", o.suppressed.size());
  add(!o.suppressedFirst.empty(), "suppressed first tokens",
      o.suppressedFirst.size());
  add(!o.biases.empty(), "biased sequences", o.biases.size());
  add(o.forcedFirst >= 0, "forced first token", o.forcedFirst);
  add(!o.forcedLast.empty(), "forced last tokens", o.forcedLast.size());
  if (const FpmoeSampling *given = fpmoe_model.sampling) {
    add(given->max_new_tokens > 0, "most tokens", given->max_new_tokens);
    add(given->max_length > 0, "most tokens with the prompt",
        given->max_length);
    for (int64_t i = 0; i < given->stop_string_count; ++i)
      text += format(", stop string '%s'", given->stop_strings[i]);
  }
  return text;
}

static std::string joined(const char *const *names, int64_t count) {
  std::string text;
  for (int64_t i = 0; i < count; ++i)
    text += std::string(i ? ", " : "") + names[i];
  return text;
}

/// With the scales of groups, and with padding.
static double bitsPerWeight(const FpmoeModel &m) {
  return m.parameters > 0 ? 8.0 * m.weight_bytes / m.parameters : 0;
}

/// "int4   4.5 bits  error 7.1%     sparse.qkv": columns of equal width.
static std::string matrixText(const FpmoeMatrix &matrix) {
  std::string error = matrix.error < 0 ? "" : "exact";
  if (matrix.error > 0)
    error = format("error %.2f%%", 100 * matrix.error);
  return format("%-5s %4.1f bits  %-13s  %s", matrix.format,
                8.0 * matrix.bytes / matrix.elements, error.c_str(),
                matrix.name);
}

/// "0: NVIDIA H100 80GB HBM3, sm_90, 132 multiprocessors, 85.0 GB, CUDA 12.8"
static std::string gpuText(const GpuInfo &gpu) {
  return format("%d: %s, %s, %d multiprocessors, %s, %s", gpu.number,
                gpu.name.c_str(), gpu.architecture.c_str(), gpu.multiprocessors,
                bytesText(gpu.memoryBytes).c_str(), gpu.driver.c_str());
}

static std::string table(const std::string &family) {
  const FpmoeModel &m = fpmoe_model;
  const FpmoeLevel &level = usedLevel();
  std::string text;
  auto row = [&](const char *name, const std::string &value) {
    text += format("%-19s %s\n", name, printable(value).c_str());
  };
  auto integer = [](int64_t value) {
    return format("%lld", static_cast<long long>(value));
  };
  row("model", m.name);
  row("architecture", m.architecture);
  row("compiled by", m.compiler);
  row("target", usedTarget());
  row("levels", m.level_count > 1 ? format("%s; %s is in use here",
                                           listLevels(m).c_str(), level.name)
                                  : listLevels(m));
  row("this CPU", cpuName() + format(", %d threads", usableCpus()));
  const GpuInfo *gpu = usedGpu();
  if (gpu) {
    row("this GPU", gpuText(*gpu));
    row("its code", "for " + gpu->image);
  } else if (!whyNoGpu().empty()) {
    row("no GPU", whyNoGpu());
  }
  row("weights",
      format("%s, %s, %.1f bits each, %s per decoded token", m.weight_format,
             bytesText(m.weight_bytes).c_str(), bitsPerWeight(m),
             bytesText(m.decode_weight_bytes).c_str()));
  row("weights file",
      *fpmoe_weights_file ? fpmoe_weights_file : "in the program");
  if (m.ranks > 1)
    row("ranks", format("%lld, each with %s of the weights",
                        static_cast<long long>(m.ranks),
                        bytesText(m.rank_weight_bytes).c_str()));
  row("parameters",
      format("%s, %s active per token", countText(m.parameters).c_str(),
             countText(m.active_parameters).c_str()));
  row("layers", integer(m.layers));
  row("hidden", integer(m.hidden));
  row("heads", format("%lld, %lld for keys and values, of %lld",
                      static_cast<long long>(m.heads),
                      static_cast<long long>(m.kv_heads),
                      static_cast<long long>(m.head_dim)));
  row("vocabulary", integer(m.vocabulary));
  row("context", integer(m.context) + " tokens, " +
                     bytesText(level.cache_bytes_per_position) +
                     " of cache each");
  row("experts", m.experts ? joined(m.expert_names, m.experts) : "none");
  row("experts per token", m.top_k ? integer(m.top_k) : "no router");
  if (m.segment)
    row("routed segments", "of " + integer(m.segment) + " tokens");
  if (m.languages)
    row("adapters for", joined(m.language_names, m.languages));
  row("tokens per step", "up to " + integer(level.max_tokens));
  row("work per token",
      format("%s multiplications and additions, and %s for logits",
             countText(m.token_dot_ops).c_str(),
             countText(m.logits_dot_ops).c_str()));
  row("scratch",
      format("%s shared, %s per %s", bytesText(level.shared_bytes).c_str(),
             bytesText(level.private_bytes).c_str(), gpu ? "block" : "thread"));
  row("tokenizer", m.tokenizer_bytes ? bytesText(m.tokenizer_bytes)
                                     : "none, token ids only");
  row("chat template", family.empty() ? "none" : family);
  row("sampling", samplingText());
  for (int64_t i = 0; i < m.matrix_count; ++i)
    row(i ? "" : "matrices", matrixText(m.matrices[i]));
  return text;
}

template <typename T>
static void writeList(JsonWriter &json, const char *name, const T *values,
                      int64_t count) {
  json.key(name);
  json.beginArray();
  for (int64_t i = 0; i < count; ++i)
    json.value(values[i]);
  json.endArray();
}

/// The defaults of generation_config.json, by the names that they have there.
static void writeSampling(JsonWriter &json, const FpmoeSampling &given) {
  json.key("sampling");
  json.beginObject();
  json.value("min_p", given.min_p);
  json.value("repetition_penalty", given.repetition_penalty);
  json.value("no_repeat_ngram_size", given.no_repeat_ngram_size);
  json.value("min_new_tokens", given.min_new_tokens);
  json.value("min_length", given.min_length);
  json.value("max_new_tokens", given.max_new_tokens);
  json.value("max_length", given.max_length);
  json.value("forced_bos_token_id", given.forced_bos_token);
  writeList(json, "forced_eos_token_id", given.forced_eos_tokens,
            given.forced_eos_count);
  writeList(json, "suppress_tokens", given.suppress_tokens,
            given.suppress_count);
  writeList(json, "begin_suppress_tokens", given.begin_suppress_tokens,
            given.begin_suppress_count);
  json.key("sequence_bias");
  json.beginArray();
  for (int64_t i = 0; i < given.sequence_bias_count; ++i) {
    const FpmoeSequenceBias &each = given.sequence_biases[i];
    json.beginArray();
    json.beginArray();
    for (int64_t j = 0; j < each.count; ++j)
      json.value(each.tokens[j]);
    json.endArray();
    json.value(each.bias);
    json.endArray();
  }
  json.endArray();
  writeList(json, "stop_strings", given.stop_strings, given.stop_string_count);
  json.endObject();
}

static void writeGpu(JsonWriter &json, const GpuInfo &gpu) {
  json.key("gpu");
  json.beginObject(/*inOneLine=*/true);
  json.value("number", int64_t(gpu.number));
  json.value("name", gpu.name);
  json.value("architecture", gpu.architecture);
  json.value("image", gpu.image);
  json.value("multiprocessors", int64_t(gpu.multiprocessors));
  json.value("memory_bytes", gpu.memoryBytes);
  json.value("driver", gpu.driver);
  json.endObject();
}

static std::string json(const std::string &family) {
  const FpmoeModel &m = fpmoe_model;
  const FpmoeLevel &level = usedLevel();
  JsonWriter json;
  json.beginObject();
  json.value("name", m.name);
  json.value("architecture", m.architecture);
  json.value("compiler", m.compiler);
  json.value("target", usedTarget());
  json.value("level", level.name);
  json.key("levels");
  json.beginArray();
  for (uint32_t i = 0; i < m.level_count; ++i)
    json.value(m.levels[i].name);
  json.endArray();
  if (const GpuInfo *gpu = usedGpu())
    writeGpu(json, *gpu);
  json.value("abi_version", int64_t(m.abi_version));
  json.value("weight_format", m.weight_format);
  json.value("weight_bytes", m.weight_bytes);
  json.value("bits_per_weight", bitsPerWeight(m));
  json.value("decode_weight_bytes", m.decode_weight_bytes);
  json.value("ranks", std::max<int64_t>(m.ranks, 1));
  json.value("rank_weight_bytes",
             m.ranks > 1 ? m.rank_weight_bytes : m.weight_bytes);
  json.value("weights_file", fpmoe_weights_file);
  json.value("fingerprint", format("%016llx", static_cast<unsigned long long>(
                                                  fpmoe_weights_fingerprint)));
  json.value("parameters", m.parameters);
  json.value("active_parameters", m.active_parameters);
  json.value("vocabulary", m.vocabulary);
  json.value("hidden", m.hidden);
  json.value("layers", m.layers);
  json.value("heads", m.heads);
  json.value("kv_heads", m.kv_heads);
  json.value("head_dim", m.head_dim);
  json.value("context", m.context);
  json.value("max_tokens", level.max_tokens);
  json.value("experts", m.experts);
  json.value("top_k", m.top_k);
  json.value("segment", m.segment);
  writeList(json, "expert_names", m.expert_names, m.experts);
  writeList(json, "language_names", m.language_names, m.languages);
  json.value("token_dot_ops", m.token_dot_ops);
  json.value("logits_dot_ops", m.logits_dot_ops);
  json.value("cache_bytes_per_position", level.cache_bytes_per_position);
  json.value("shared_bytes", level.shared_bytes);
  json.value("private_bytes", level.private_bytes);
  json.value("tokenizer_bytes", m.tokenizer_bytes);
  json.value("chat_template", family);
  writeList(json, "eos_tokens", m.eos_tokens, m.eos_count);
  json.value("temperature", double(m.temperature));
  json.value("top_p", double(m.top_p));
  json.value("default_top_k", m.default_top_k);
  if (m.sampling)
    writeSampling(json, *m.sampling);
  json.key("matrices");
  json.beginArray();
  for (int64_t i = 0; i < m.matrix_count; ++i) {
    const FpmoeMatrix &matrix = m.matrices[i];
    json.beginObject(/*inOneLine=*/true);
    json.value("name", matrix.name);
    json.value("format", matrix.format);
    json.value("elements", matrix.elements);
    json.value("bytes", matrix.bytes);
    if (matrix.error >= 0)
      json.value("relative_error", matrix.error);
    json.endObject();
  }
  json.endArray();
  json.endObject();
  return json.take();
}

int fpmoe::runInfo(const std::string &program, int count, char **arguments) {
  bool asJson = false;
  Arguments options(program + " info",
                    "Tells what this program contains and what it was built "
                    "for.",
                    "", "  PROGRAM info\n  PROGRAM info --json\n");
  options.flag(asJson, "--json", "write JSON; sizes are in bytes");
  Status status = options.parse(count, arguments);
  if (options.helpWanted())
    return showHelp(options.helpText());
  if (status.failed())
    return misuse(status);
  Text text;
  status = text.open();
  if (status.failed())
    return fail(status);
  std::string family = text.chatTemplate().family();
  print(asJson ? json(family) : table(family));
  return exitSuccess;
}
