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
#include "runtime/cli/Units.h"
#include "runtime/core/Cpu.h"
#include "runtime/core/Machine.h"

using namespace fpmoe;

static std::string table() {
  const FpmoeModel &m = fpmoe_model;
  std::string text;
  auto row = [&](const char *name, const std::string &value) {
    text += format("%-19s %s\n", name, value.c_str());
  };
  auto integer = [](int64_t value) {
    return format("%lld", static_cast<long long>(value));
  };
  std::string experts;
  for (int64_t i = 0; i < m.experts; ++i)
    experts += (i ? ", " : "") + expertName(i);
  row("model", m.name);
  row("architecture", m.architecture);
  row("compiled by", m.compiler);
  row("target", m.target);
  row("this CPU", cpuName() + format(", %d threads", usableCpus()));
  row("weights", format("%s, %s, %s per decoded token", m.weight_format,
                        bytesText(m.weight_bytes).c_str(),
                        bytesText(m.decode_weight_bytes).c_str()));
  row("weights file",
      *fpmoe_weights_file ? fpmoe_weights_file : "in the program");
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
                     bytesText(m.cache_bytes_per_position) + " of cache each");
  row("experts", m.experts ? experts : "none");
  row("experts per token", m.top_k ? integer(m.top_k) : "no router");
  if (m.segment)
    row("routed segments", "of " + integer(m.segment) + " tokens");
  std::string languages;
  for (int64_t i = 0; i < m.languages; ++i)
    languages += (i ? ", " : "") + std::string(m.language_names[i]);
  if (m.languages)
    row("adapters for", languages);
  row("tokens per step", "up to " + integer(m.max_tokens));
  row("work per token",
      format("%s multiplications and additions, and %s for logits",
             countText(m.token_dot_ops).c_str(),
             countText(m.logits_dot_ops).c_str()));
  row("scratch",
      format("%s shared, %s per thread", bytesText(m.shared_bytes).c_str(),
             bytesText(m.private_bytes).c_str()));
  row("tokenizer", m.tokenizer_bytes ? bytesText(m.tokenizer_bytes)
                                     : "none, token ids only");
  row("sampling",
      m.temperature > 0
          ? format("temperature %g, top-p %g, top-k %lld", m.temperature,
                   m.top_p, static_cast<long long>(m.default_top_k))
          : "the most likely token");
  return text;
}

static std::string json() {
  const FpmoeModel &m = fpmoe_model;
  JsonWriter json;
  json.beginObject();
  json.value("name", m.name);
  json.value("architecture", m.architecture);
  json.value("compiler", m.compiler);
  json.value("target", m.target);
  json.value("abi_version", int64_t(m.abi_version));
  json.value("weight_format", m.weight_format);
  json.value("weight_bytes", m.weight_bytes);
  json.value("decode_weight_bytes", m.decode_weight_bytes);
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
  json.value("max_tokens", m.max_tokens);
  json.value("experts", m.experts);
  json.value("top_k", m.top_k);
  json.value("segment", m.segment);
  json.key("expert_names");
  json.beginArray();
  for (int64_t i = 0; i < m.experts; ++i)
    json.value(expertName(i));
  json.endArray();
  json.key("language_names");
  json.beginArray();
  for (int64_t i = 0; i < m.languages; ++i)
    json.value(m.language_names[i]);
  json.endArray();
  json.value("token_dot_ops", m.token_dot_ops);
  json.value("logits_dot_ops", m.logits_dot_ops);
  json.value("cache_bytes_per_position", m.cache_bytes_per_position);
  json.value("shared_bytes", m.shared_bytes);
  json.value("private_bytes", m.private_bytes);
  json.value("tokenizer_bytes", m.tokenizer_bytes);
  json.key("eos_tokens");
  json.beginArray();
  for (int64_t i = 0; i < m.eos_count; ++i)
    json.value(int64_t(m.eos_tokens[i]));
  json.endArray();
  json.value("temperature", double(m.temperature));
  json.value("top_p", double(m.top_p));
  json.value("default_top_k", m.default_top_k);
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
  print(asJson ? json() : table());
  return exitSuccess;
}
