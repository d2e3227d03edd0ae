//===- ChatStyle.cpp - answers as OpenAI's chat tells them ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/serve/Styles.h"

using namespace fpmoe;

/// A token by its text. Of a part of a character the bytes are not told.
static Json tokenOf(const Text &text, int32_t token, double logprob) {
  std::string name = text.describe(token);
  Json bytes;
  if (name.find("\xef\xbf\xbd") == std::string::npos)
    bytes = std::vector<uint8_t>(name.begin(), name.end());
  return {{"token", name}, {"logprob", logprob}, {"bytes", bytes}};
}

static Json logprobsOf(const Reply &reply,
                       const std::vector<ScoredToken> &scores) {
  if (!reply.wantsLogprobs)
    return nullptr;
  Json content = Json::array();
  for (const ScoredToken &score : scores) {
    Json one = tokenOf(*reply.text, score.token, score.logprob);
    one["top_logprobs"] = Json::array();
    for (auto &[token, logprob] : score.top)
      one["top_logprobs"].push_back(tokenOf(*reply.text, token, logprob));
    content.push_back(one);
  }
  return {{"content", content}, {"refusal", nullptr}};
}

namespace {

class ChatStyle final : public ReplyStyle {
public:
  Json first(const Reply &reply, size_t index) const override {
    return wrap(reply, index, {{"role", "assistant"}, {"content", ""}}, nullptr,
                nullptr);
  }
  Json chunk(Reply &reply, size_t index,
             const Completion::Piece &piece) const override {
    if (piece.text.empty() && piece.scored.empty())
      return nullptr;
    return wrap(reply, index, {{"content", piece.text}},
                piece.scored.empty() ? Json() : logprobsOf(reply, piece.scored),
                nullptr);
  }
  Json last(const Reply &reply, size_t index) const override {
    return wrap(reply, index, Json::object(), nullptr,
                reasonOf(reply.choices[index]));
  }
  Json after(const Reply &reply) const override {
    if (!reply.wantsUsage)
      return nullptr;
    Json json = openAiHead(reply, "chat.completion.chunk");
    json["choices"] = Json::array();
    json["usage"] = usageOf(reply);
    return json;
  }
  Json whole(const Reply &reply) const override {
    Json json = openAiHead(reply, "chat.completion");
    json["choices"] = Json::array();
    for (size_t i = 0; i < reply.choices.size(); ++i) {
      const Reply::Choice &choice = reply.choices[i];
      json["choices"].push_back({{"index", i},
                                 {"message",
                                  {{"role", "assistant"},
                                   {"content", choice.text},
                                   {"refusal", nullptr}}},
                                 {"logprobs", logprobsOf(reply, choice.scores)},
                                 {"finish_reason", reasonOf(choice)}});
    }
    json["usage"] = usageOf(reply);
    return json;
  }

private:
  static Json wrap(const Reply &reply, size_t index, const Json &delta,
                   const Json &logprobs, const Json &reason) {
    Json json = openAiHead(reply, "chat.completion.chunk");
    json["choices"] = Json::array({{{"index", index},
                                    {"delta", delta},
                                    {"logprobs", logprobs},
                                    {"finish_reason", reason}}});
    if (reply.wantsUsage)
      json["usage"] = nullptr;
    return json;
  }
};

} // namespace

const ReplyStyle &fpmoe::chatStyle() {
  static const ChatStyle style;
  return style;
}
