//===- Requests.cpp - completions that clients ask for ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/Engine.h"
#include "runtime/cli/SamplingArguments.h"
#include "runtime/core/Machine.h"
#include "runtime/serve/Api.h"

#include <cstring>
#include <ctime>
#include <sys/random.h>

using namespace fpmoe;

// Bounds of what is asked for; docs/serving.md lists them.
static constexpr int64_t mostChoices = 16, mostPrompts = 128, mostWaiting = 64;
static constexpr size_t mostStops = 16, mostStopBytes = 256;
static constexpr size_t mostBiases = 1024;

static uint64_t randomSeed() {
  uint64_t seed;
  if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0)
    seed = nanoseconds();
  return seed;
}

/// Token ids and what is added to their logits.
static void readBiases(Fields &fields, SamplerOptions &sampler) {
  if (fields.failed() || !fields.has("logit_bias"))
    return;
  const Json &given = fields.at("logit_bias");
  auto add = [&](double id, const Json &bias) {
    bool bans = bias.is_boolean() && !bias.get<bool>(); // llama.cpp's way
    if (id < 0 || id >= fpmoe_model.vocabulary ||
        id != static_cast<int64_t>(id) || (!bans && !bias.is_number()) ||
        (!bans && !(std::abs(bias.get<double>()) <= 1000)))
      return false;
    float value = bans ? -INFINITY : static_cast<float>(bias.get<double>());
    sampler.biases.push_back({{static_cast<int32_t>(id)}, value});
    return true;
  };
  bool isGood = given.size() <= mostBiases;
  if (given.is_object()) {
    for (auto each = given.begin(); isGood && each != given.end(); ++each) {
      int64_t id = -1;
      isGood = parseInteger(each.key(), id) && add(id, each.value());
    }
  } else {
    isGood &= given.is_array();
    for (size_t i = 0; isGood && i < given.size(); ++i)
      isGood = given[i].is_array() && given[i].size() == 2 &&
               given[i][0].is_number() &&
               add(given[i][0].get<double>(), given[i][1]);
  }
  if (!isGood)
    fields.fail("logit_bias",
                format("'logit_bias' has to be an object of token ids, from 0 "
                       "to %lld, and numbers from -1000 to 1000, at most %zu "
                       "of them",
                       static_cast<long long>(fpmoe_model.vocabulary - 1),
                       mostBiases));
}

/// What changes a text, and no part of this server does.
static void refuseUnknown(Fields &fields, bool isChat) {
  for (const char *name :
       {"grammar", "json_schema", "tools", "tool_choice", "functions",
        "function_call", "guided_json", "guided_regex", "mirostat",
        "dynatemp_range", "image_data", "audio", "documents", "chat_template",
        "continue_final_message", "chat_template_kwargs"})
    if (fields.has(name) && !Fields::isOff(fields.at(name)) &&
        !(isChat && !std::strcmp(name, "chat_template_kwargs")))
      fields.fail(name, format("'%s' is not supported", name));
  if (!fields.has("response_format"))
    return;
  const Json &shape = fields.at("response_format");
  if (!shape.is_object() || shape.value("type", Json("text")) != "text")
    fields.fail("response_format",
                "'response_format' is not supported but for 'text'");
}

bool Api::readSampling(Fields &fields, CompletionOptions &o,
                       int64_t defaultTokens, const char *tokensName,
                       bool isChat) {
  refuseUnknown(fields, isChat);
  int64_t room = service.mostPositions();
  o.sampler = defaultSampling();
  SamplerOptions &s = o.sampler;
  o.maxTokens = fields.integer(tokensName, -1, INT32_MAX, defaultTokens);
  if (o.maxTokens < 0)
    o.maxTokens = room;
  s.temperature = fields.number("temperature", 0, 100, s.temperature);
  s.topP = fields.number("top_p", 0, 1, s.topP);
  s.topK = std::max<int64_t>(fields.integer("top_k", -1, INT32_MAX, s.topK), 0);
  s.minP = fields.number("min_p", 0, 1, s.minP);
  s.repetitionPenalty = fields.number(
      "repetition_penalty", 0.01, 100,
      fields.number("repeat_penalty", 0.01, 100, s.repetitionPenalty));
  s.presencePenalty = fields.number("presence_penalty", -2, 2, 0);
  s.frequencyPenalty = fields.number("frequency_penalty", -2, 2, 0);
  s.minTokens = fields.integer("min_tokens", 0, room, s.minTokens);
  s.neverEnds = fields.flag("ignore_eos", false);
  if (s.neverEnds)
    s.forcedLast.clear();
  // -1 stands for another seed each time, as in llama.cpp.
  double seed = fields.number("seed", -1, 0x1p53, -1);
  s.seed = seed < 0 ? randomSeed() : static_cast<uint64_t>(seed);
  readBiases(fields, s);
  for (const std::string &stop : fields.texts("stop", mostStops, mostStopBytes))
    if (!stop.empty())
      o.addStop(text, stop);
  if (fpmoe_model.sampling)
    for (int64_t i = 0; i < fpmoe_model.sampling->stop_string_count; ++i)
      o.addStop(text, fpmoe_model.sampling->stop_strings[i]);
  return !fields.failed();
}

/// A text, ids, or some of either.
bool Api::readPrompts(Fields &fields,
                      std::vector<std::vector<int32_t>> &prompts) {
  if (fields.failed())
    return false;
  Json given = fields.has("prompt") ? fields.at("prompt") : Json("");
  bool isOne = given.is_string() ||
               (given.is_array() && !given.empty() && given[0].is_number());
  if (isOne)
    given = Json::array({given});
  if (!given.is_array() || given.empty() ||
      static_cast<int64_t>(given.size()) > mostPrompts) {
    fields.fail("prompt",
                format("'prompt' has to be a text, a list of token ids, or 1 "
                       "to %lld of them",
                       static_cast<long long>(mostPrompts)));
    return false;
  }
  for (const Json &each : given) {
    prompts.emplace_back();
    if (each.is_string()) {
      Status status =
          text.encode(each.get<std::string>(), "'prompt'", prompts.back());
      if (status.failed())
        fields.fail("prompt", status.message());
      // What follows nothing follows the token that models begin with.
      if (!status.failed() && prompts.back().empty() &&
          fpmoe_model.eos_count > 0)
        prompts.back().push_back(fpmoe_model.eos_tokens[0]);
    } else {
      Fields one(Json{{"prompt", each}}, "");
      prompts.back() = one.ids("prompt", fpmoe_model.vocabulary);
      if (one.failed())
        fields.fail("prompt", one.error());
    }
    if (!fields.failed() && prompts.back().empty())
      fields.fail("prompt", "'prompt' is empty, it has to have a token");
  }
  return !fields.failed();
}

/// Whether a prompt fits. As many tokens are made as fit behind it.
bool Api::checkSize(Fields &fields, const char *name, int64_t promptTokens,
                    CompletionOptions &o) {
  using Number = long long;
  int64_t room = service.mostPositions();
  if (promptTokens > room)
    fields.fail(name,
                format("'%s' has %lld tokens, there is room for %lld: "
                       "the model's context is %lld, the cache has room "
                       "for %lld",
                       name, Number(promptTokens), Number(room),
                       Number(fpmoe_model.context), Number(service.room())));
  o.maxTokens = std::min(o.maxTokens, room - promptTokens + 1);
  o.sampler.maxTokens = o.maxTokens;
  return !fields.failed();
}

std::shared_ptr<Reply> Api::makeReply(Id id, Fields &fields,
                                      const ReplyStyle &style,
                                      const char *prefix) {
  auto reply = std::make_shared<Reply>();
  reply->connection = id;
  reply->style = &style;
  reply->text = &text;
  reply->id = format("%s%016llx", prefix,
                     static_cast<unsigned long long>(randomSeed()));
  reply->created = time(nullptr);
  reply->asked = seconds();
  reply->isStream = fields.flag("stream", false);
  reply->wantsExperts = fields.flag("show_experts", false);
  if (reply->wantsExperts && (!reply->isStream || fpmoe_model.top_k == 0))
    fields.fail("show_experts", "'show_experts' needs 'stream', and a model "
                                "with a router");
  return reply;
}

void Api::addChoice(Reply &reply, std::vector<int32_t> prompt,
                    CompletionOptions o, Fields &fields) {
  std::string name = fields.text("language");
  int32_t language = -1;
  Status status = findLanguage(name, language);
  if (status.failed()) {
    // It names an option of the command line.
    size_t behind = std::string("--language=").size() + name.size();
    fields.fail("language", "'language' is '" + name + "'" +
                                status.message().substr(behind));
  }
  o.file = fields.text("file_name");
  Reply::Choice choice;
  choice.task =
      std::make_shared<Completion>(text, std::move(prompt), std::move(o));
  choice.task->forced = language;
  choice.task->owner = owner;
  choice.task->drafts = options.drafts;
  choice.task->wantsPromptLogits = reply.echoes && reply.wantsLogprobs;
  choice.started = reply.asked;
  reply.choices.push_back(std::move(choice));
}

/// What OpenAI's endpoints have in common: how many texts of a prompt, and
/// whether a stream counts tokens.
int64_t Api::readChoices(Fields &fields, Reply &reply) {
  int64_t n = fields.integer("n", 1, mostChoices, 1);
  int64_t best = fields.integer("best_of", 1, mostChoices, n);
  if (best != n)
    fields.fail("best_of", format("'best_of' is %lld and 'n' %lld; only as "
                                  "many are made as are told",
                                  static_cast<long long>(best),
                                  static_cast<long long>(n)));
  reply.perPrompt = n;
  if (fields.has("stream_options")) {
    Fields stream(fields.at("stream_options"), "stream_options.");
    reply.wantsUsage = stream.flag("include_usage", false);
    if (stream.failed())
      fields.fail("stream_options", stream.error());
  }
  return n;
}

/// `n` texts that follow a prompt, if it fits.
void Api::addChoices(Reply &reply, const std::vector<int32_t> &prompt,
                     CompletionOptions o, int64_t n, const char *name,
                     Fields &fields) {
  if (fields.failed() || !checkSize(fields, name, prompt.size(), o))
    return;
  for (int64_t i = 0; i < n; ++i) {
    CompletionOptions each = o;
    each.sampler.seed += i;
    addChoice(reply, prompt, std::move(each), fields);
  }
}

void Api::completions(Id id, const Request &request) {
  Fields fields(request.body);
  CompletionOptions o;
  readSampling(fields, o, 16, "max_tokens");
  auto reply = makeReply(id, fields, openAiStyle(), "cmpl-");
  int64_t n = readChoices(fields, *reply);
  reply->echoes = fields.flag("echo", false);
  reply->wantsLogprobs = fields.has("logprobs");
  o.wantsLogprobs = reply->wantsLogprobs;
  o.topLogprobs = fields.integer("logprobs", 0, mostLogprobs, 0);
  if (reply->echoes && reply->isStream)
    fields.fail("echo", "'echo' is not told in a stream");
  std::vector<std::vector<int32_t>> prompts;
  if (fields.has("suffix") && !fields.text("suffix").empty()) {
    prompts.emplace_back();
    Status status =
        fillIn.encode(fields.text("prompt"), fields.text("suffix"), {},
                      service.mostPositions() - 1, prompts.back());
    if (status.failed())
      fields.fail("suffix", status.message());
    o.stopTokens.insert(o.stopTokens.end(), fillIn.ends().begin(),
                        fillIn.ends().end());
  } else {
    readPrompts(fields, prompts);
  }
  for (const std::vector<int32_t> &prompt : prompts)
    addChoices(*reply, prompt, o, n, "prompt", fields);
  if (failed(id, fields))
    return;
  if (reply->echoes)
    for (Reply::Choice &choice : reply->choices) {
      Text::Stream stream(text, !text.hasTokenizer());
      for (int32_t token : choice.task->prompt)
        choice.text += stream.push(token);
    }
  if (hasRoom(id, reply->choices.size()))
    start(std::move(reply));
}

/// What llama.cpp's endpoints have in common.
std::shared_ptr<Reply> Api::makeLlamaReply(Id id, Fields &fields,
                                           CompletionOptions &o) {
  readSampling(fields, o, -1, "n_predict");
  o.mostSeconds = fields.number("t_max_predict_ms", 0, 1e9, 0) / 1000;
  auto reply = makeReply(id, fields, llamaStyle(), "");
  reply->wanted = fields.texts("response_fields", 64, 128);
  return reply;
}

void Api::llamaCompletion(Id id, const Request &request) {
  Fields fields(request.body);
  CompletionOptions o;
  auto reply = makeLlamaReply(id, fields, o);
  std::vector<std::vector<int32_t>> prompts;
  readPrompts(fields, prompts);
  for (std::vector<int32_t> &prompt : prompts) {
    CompletionOptions fitting = o;
    if (checkSize(fields, "prompt", prompt.size(), fitting))
      addChoice(*reply, std::move(prompt), std::move(fitting), fields);
  }
  if (!failed(id, fields) && hasRoom(id, reply->choices.size()))
    start(std::move(reply));
}

void Api::infill(Id id, const Request &request) {
  Fields fields(request.body);
  CompletionOptions o;
  auto reply = makeLlamaReply(id, fields, o);
  std::vector<FillInFile> files;
  if (fields.has("input_extra")) {
    const Json &extra = fields.at("input_extra");
    bool isGood = extra.is_array() && extra.size() <= 1024;
    for (size_t i = 0; isGood && i < extra.size(); ++i) {
      isGood = extra[i].is_object();
      if (!isGood)
        break;
      Fields each(extra[i], "input_extra.");
      files.push_back({each.text("filename", "tmp"), each.text("text")});
      isGood = !each.failed();
    }
    if (!isGood)
      fields.fail("input_extra", "'input_extra' has to be a list of objects "
                                 "with the texts 'filename' and 'text'");
  }
  std::vector<int32_t> prompt;
  std::string before = fields.text("input_prefix") + fields.text("prompt");
  int64_t room = service.mostPositions();
  Status status = fillIn.encode(
      before, fields.text("input_suffix"), files,
      room - std::min<int64_t>(std::min(o.maxTokens, room / 4), room - 1),
      prompt);
  if (status.failed())
    fields.fail("input_prefix", status.message());
  o.stopTokens.insert(o.stopTokens.end(), fillIn.ends().begin(),
                      fillIn.ends().end());
  if (!fields.failed() && checkSize(fields, "input_prefix", prompt.size(), o))
    addChoice(*reply, std::move(prompt), std::move(o), fields);
  if (!failed(id, fields) && hasRoom(id, 1))
    start(std::move(reply));
}

void Api::mistralFillIn(Id id, const Request &request) {
  Fields fields(request.body);
  CompletionOptions o;
  readSampling(fields, o, 256, "max_tokens");
  auto reply = makeReply(id, fields, mistralStyle(), "fim-");
  std::vector<int32_t> prompt;
  Status status =
      fillIn.encode(fields.text("prompt"), fields.text("suffix"), {},
                    std::max<int64_t>(service.mostPositions() - o.maxTokens,
                                      service.mostPositions() / 2),
                    prompt);
  if (status.failed())
    fields.fail("prompt", status.message());
  o.stopTokens.insert(o.stopTokens.end(), fillIn.ends().begin(),
                      fillIn.ends().end());
  if (!fields.failed() && checkSize(fields, "prompt", prompt.size(), o))
    addChoice(*reply, std::move(prompt), std::move(o), fields);
  if (!failed(id, fields) && hasRoom(id, 1))
    start(std::move(reply));
}

/// Whether so many more texts may wait; else says that they may not.
bool Api::hasRoom(Id id, int64_t more) {
  int64_t most = options.sequences + mostWaiting;
  if (active + more <= most || active == 0)
    return true;
  fail(id, 429,
       format("%lld texts are made or wait already, %lld more would be above "
              "%lld",
              static_cast<long long>(active), static_cast<long long>(more),
              static_cast<long long>(most)));
  return false;
}
