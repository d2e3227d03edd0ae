//===- Styles.cpp - completions as interfaces tell them ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/serve/Styles.h"

using namespace fpmoe;

Json fpmoe::usageOf(const Reply &reply) {
  int64_t prompt = 0, made = 0, found = 0;
  for (size_t i = 0; i < reply.choices.size(); ++i) {
    const Reply::Choice &choice = reply.choices[i];
    // Texts of one prompt count it once.
    if (i % reply.perPrompt == 0)
      prompt += choice.task->prompt.size();
    made += choice.tokens.size();
    found += choice.found;
  }
  return {{"prompt_tokens", prompt},
          {"completion_tokens", made},
          {"total_tokens", prompt + made},
          {"prompt_tokens_details", {{"cached_tokens", found}}}};
}

const char *fpmoe::reasonOf(const Reply::Choice &choice) {
  switch (choice.reason) {
  case Completion::Reason::stop:
    return "stop";
  case Completion::Reason::length:
    return "length";
  case Completion::Reason::cancelled:
    return "abort";
  case Completion::Reason::error:
    return "error";
  }
  return "error";
}

Json fpmoe::openAiHead(const Reply &reply, const char *object) {
  return {{"id", reply.id},
          {"object", object},
          {"created", reply.created},
          {"model", fpmoe_model.name}};
}

namespace {

/// Log-probabilities as OpenAI's completions tell them.
class Logprobs {
public:
  /// So many characters stand before the first token.
  explicit Logprobs(const Text &text, size_t offset = 0)
      : text(text), offset(offset) {}

  /// A token that nothing stands before.
  void addFirst(int32_t token) {
    add(token);
    logprobs.push_back(nullptr);
    top.push_back(nullptr);
  }
  void add(const ScoredToken &score) {
    add(score.token);
    logprobs.push_back(score.logprob);
    Json likeliest = Json::object();
    for (auto &[token, logprob] : score.top) {
      std::string name = text.describe(token);
      // Of two tokens that read the same, the likelier one.
      if (!likeliest.contains(name))
        likeliest[name] = logprob;
    }
    top.push_back(score.top.empty() ? Json() : likeliest);
  }
  Json take() {
    return {{"tokens", tokens},
            {"token_logprobs", logprobs},
            {"top_logprobs", top},
            {"text_offset", offsets}};
  }
  size_t end() const { return offset; }

private:
  void add(int32_t token) {
    std::string name = text.describe(token);
    tokens.push_back(name);
    offsets.push_back(offset);
    for (char c : name)
      offset += (c & 0xc0) != 0x80; // characters, not bytes
  }

  const Text &text;
  size_t offset;
  Json tokens = Json::array(), logprobs = Json::array(), top = Json::array(),
       offsets = Json::array();
};

class OpenAiStyle final : public ReplyStyle {
public:
  Json chunk(Reply &reply, size_t index,
             const Completion::Piece &piece) const override {
    if (piece.text.empty() && piece.scored.empty())
      return nullptr;
    Json logprobs;
    if (!piece.scored.empty()) {
      Logprobs all(*reply.text, reply.choices[index].offset);
      for (const ScoredToken &score : piece.scored)
        all.add(score);
      logprobs = all.take();
      reply.choices[index].offset = all.end();
    }
    return wrap(reply, index, piece.text, logprobs, nullptr);
  }
  Json last(const Reply &reply, size_t index) const override {
    return wrap(reply, index, "", nullptr, reasonOf(reply.choices[index]));
  }
  Json after(const Reply &reply) const override {
    if (!reply.wantsUsage)
      return nullptr;
    Json json = openAiHead(reply, "text_completion");
    json["choices"] = Json::array();
    json["usage"] = usageOf(reply);
    return json;
  }
  Json whole(const Reply &reply) const override {
    Json json = openAiHead(reply, "text_completion");
    json["choices"] = Json::array();
    for (size_t i = 0; i < reply.choices.size(); ++i) {
      const Reply::Choice &choice = reply.choices[i];
      Json logprobs;
      if (reply.wantsLogprobs) {
        Logprobs all(*reply.text);
        if (reply.echoes) {
          all.addFirst(choice.task->prompt[0]);
          for (const ScoredToken &score : choice.task->promptScores())
            all.add(score);
        }
        for (const ScoredToken &score : choice.scores)
          all.add(score);
        logprobs = all.take();
      }
      json["choices"].push_back({{"index", i},
                                 {"text", choice.text},
                                 {"logprobs", logprobs},
                                 {"finish_reason", reasonOf(choice)}});
    }
    json["usage"] = usageOf(reply);
    return json;
  }

private:
  static Json wrap(const Reply &reply, size_t index, const std::string &text,
                   const Json &logprobs, const Json &reason) {
    Json json = openAiHead(reply, "text_completion");
    json["choices"] = Json::array({{{"index", index},
                                    {"text", text},
                                    {"logprobs", logprobs},
                                    {"finish_reason", reason}}});
    if (reply.wantsUsage)
      json["usage"] = nullptr;
    return json;
  }
};

class LlamaStyle final : public ReplyStyle {
public:
  Json chunk(Reply &reply, size_t index,
             const Completion::Piece &piece) const override {
    if (piece.text.empty() && piece.tokens.empty())
      return nullptr;
    return {{"index", index},
            {"content", piece.text},
            {"tokens", piece.tokens},
            {"stop", false},
            {"tokens_predicted", reply.choices[index].tokens.size()},
            {"tokens_evaluated", reply.choices[index].task->prompt.size()}};
  }
  Json last(const Reply &reply, size_t index) const override {
    return all(reply, index, /*withText=*/false);
  }
  bool endsWithDone() const override { return false; }
  Json whole(const Reply &reply) const override {
    if (reply.choices.size() == 1)
      return all(reply, 0, /*withText=*/true);
    Json json = Json::array();
    for (size_t i = 0; i < reply.choices.size(); ++i)
      json.push_back(all(reply, i, /*withText=*/true));
    return json;
  }

private:
  static Json all(const Reply &reply, size_t index, bool withText) {
    const Reply::Choice &choice = reply.choices[index];
    int64_t prompt = choice.task->prompt.size(), made = choice.tokens.size();
    double first = choice.first > 0 ? choice.first : choice.ended;
    double reading = 1000 * (first - choice.started);
    double writing = 1000 * (choice.ended - first);
    auto rate = [](int64_t tokens, double milliseconds) {
      return milliseconds > 0 ? 1000 * tokens / milliseconds : 0.0;
    };
    int64_t computed = prompt - choice.found;
    const std::string &stop = choice.task->stopString();
    const char *type = choice.reason == Completion::Reason::length ? "limit"
                       : !stop.empty()                             ? "word"
                                                                   : "eos";
    return {{"index", index},
            {"content", withText ? choice.text : ""},
            {"tokens", withText ? Json(choice.tokens) : Json::array()},
            {"stop", true},
            {"model", fpmoe_model.name},
            {"tokens_predicted", made},
            {"tokens_evaluated", prompt},
            {"tokens_cached", choice.found},
            {"truncated", false},
            {"stop_type", type},
            {"stopping_word", stop},
            {"has_new_line", choice.text.find('\n') != std::string::npos},
            {"timings",
             {{"prompt_n", computed},
              {"prompt_ms", reading},
              {"prompt_per_second", rate(computed, reading)},
              {"predicted_n", made},
              {"predicted_ms", writing},
              {"predicted_per_second", rate(made, writing)}}}};
  }
};

/// Mistral's fill-in answers as a chat does.
class MistralStyle final : public ReplyStyle {
public:
  Json chunk(Reply &reply, size_t index,
             const Completion::Piece &piece) const override {
    return piece.text.empty() ? Json()
                              : wrap(reply, index, piece.text, nullptr);
  }
  Json last(const Reply &reply, size_t index) const override {
    Json json = wrap(reply, index, "", reasonOf(reply.choices[index]));
    json["usage"] = usageOf(reply);
    return json;
  }
  Json whole(const Reply &reply) const override {
    Json json = openAiHead(reply, "chat.completion");
    json["choices"] = Json::array();
    for (size_t i = 0; i < reply.choices.size(); ++i)
      json["choices"].push_back(
          {{"index", i},
           {"message",
            {{"role", "assistant"}, {"content", reply.choices[i].text}}},
           {"finish_reason", reasonOf(reply.choices[i])}});
    json["usage"] = usageOf(reply);
    return json;
  }

private:
  static Json wrap(const Reply &reply, size_t index, const std::string &text,
                   const Json &reason) {
    Json json = openAiHead(reply, "chat.completion.chunk");
    json["choices"] =
        Json::array({{{"index", index},
                      {"delta", {{"role", "assistant"}, {"content", text}}},
                      {"finish_reason", reason}}});
    return json;
  }
};

} // namespace

const ReplyStyle &fpmoe::openAiStyle() {
  static const OpenAiStyle style;
  return style;
}
const ReplyStyle &fpmoe::llamaStyle() {
  static const LlamaStyle style;
  return style;
}
const ReplyStyle &fpmoe::mistralStyle() {
  static const MistralStyle style;
  return style;
}
