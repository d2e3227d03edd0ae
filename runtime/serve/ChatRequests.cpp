//===- ChatRequests.cpp - answers that clients ask for ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/serve/Api.h"

using namespace fpmoe;

// Bounds of what is asked for; docs/serving.md lists them.
static constexpr size_t mostMessages = 1024, mostParts = 1024;

/// The content of a message: a text, or parts of one, which are lines.
static std::string readContent(Fields &message) {
  if (!message.has("content")) {
    message.fail("content", "'" + message.called("content") +
                                "' is missing, it has to be a string or a list "
                                "of parts of type 'text'");
    return "";
  }
  const Json &content = message.at("content");
  if (!content.is_array())
    return message.text("content");
  std::string text;
  bool isGood = content.size() <= mostParts && !content.empty();
  for (size_t i = 0; isGood && i < content.size(); ++i) {
    const Json &part = content[i];
    isGood = part.is_object() && part.value("type", Json()) == "text" &&
             part.value("text", Json()).is_string();
    if (isGood)
      text += (i ? "\n" : "") + part["text"].get<std::string>();
  }
  if (!isGood)
    message.fail("content",
                 format("'%s' has to be a string or a list of 1 to %zu objects "
                        "of type 'text' with a string 'text'; others are not "
                        "supported",
                        message.called("content").c_str(), mostParts));
  return text;
}

/// One message, which is all that a model is told of it.
static ChatMessage readMessage(Fields &message) {
  // What a template would write as well, or what asks for another prompt.
  for (const char *name : {"tool_calls", "function_call", "tool_call_id",
                           "audio", "prefix", "partial"})
    if (message.has(name) && !Fields::isOff(message.at(name)))
      message.fail(name, "'" + message.called(name) + "' is not supported");
  if (!message.has("role"))
    message.fail("role", "'" + message.called("role") + "' is missing");
  ChatMessage read = {message.text("role"), readContent(message), {}};
  if (message.has("reasoning_content"))
    read.thoughts = message.text("reasoning_content");
  return read;
}

static std::vector<ChatMessage> readMessages(Fields &fields) {
  std::vector<ChatMessage> messages;
  if (fields.failed())
    return messages;
  const Json given = fields.has("messages") ? fields.at("messages") : Json();
  if (!given.is_array() || given.size() > mostMessages) {
    fields.fail("messages",
                format("'messages' has to be a list of 1 to %zu objects with "
                       "'role' and 'content'",
                       mostMessages));
    return messages;
  }
  for (size_t i = 0; i < given.size() && !fields.failed(); ++i) {
    Fields message(given[i], format("messages[%zu].", i));
    messages.push_back(readMessage(message));
    if (message.failed())
      fields.fail(message.field().c_str(), message.error());
  }
  return messages;
}

/// Variables of the chat template, as vLLM, SGLang and llama.cpp's server take
/// them.
static ChatOptions readVariables(Fields &fields,
                                 const ChatTemplate &chatTemplate) {
  ChatOptions options;
  if (fields.failed() || !fields.has("chat_template_kwargs") ||
      Fields::isOff(fields.at("chat_template_kwargs")))
    return options;
  Fields given(fields.at("chat_template_kwargs"), "chat_template_kwargs.");
  static constexpr char thinking[] = "enable_thinking";
  options.thinks = given.flag(thinking, true);
  if (given.has(thinking) && !chatTemplate.canThink(options.thinks))
    given.fail(thinking, format("'%s' is %s, the chat template '%s' %s thinks",
                                given.called(thinking).c_str(),
                                options.thinks ? "true" : "false",
                                chatTemplate.family().c_str(),
                                options.thinks ? "never" : "always"));
  for (const auto &[name, value] : given.all().items())
    if (name != thinking && !Fields::isOff(value) && !value.is_null())
      given.fail(name.c_str(),
                 "'" + given.called(name.c_str()) + "' is not supported");
  if (given.failed())
    fields.fail(given.field().c_str(), given.error());
  return options;
}

void Api::chat(Id id, const Request &request) {
  if (!chatTemplate.isKnown())
    return fail(id, 400,
                "there is no chat: " + chatTemplate.problem() +
                    "; /v1/completions goes on with a text");
  Fields fields(request.body);
  CompletionOptions o;
  bool isOld = !fields.has("max_completion_tokens");
  if (!isOld && fields.has("max_tokens"))
    fields.fail("max_tokens", "'max_tokens' and 'max_completion_tokens' are "
                              "two names of one field, give one of them");
  readSampling(fields, o, -1, isOld ? "max_tokens" : "max_completion_tokens",
               /*isChat=*/true);
  // What ends an answer ends it as the model's own end does.
  o.sampler.ends.insert(o.sampler.ends.end(), chatTemplate.ends().begin(),
                        chatTemplate.ends().end());
  auto reply = makeReply(id, fields, chatStyle(), "chatcmpl-");
  int64_t n = readChoices(fields, *reply);
  reply->wantsLogprobs = o.wantsLogprobs = fields.flag("logprobs", false);
  o.topLogprobs = fields.integer("top_logprobs", 0, mostLogprobs, 0);
  if (fields.has("top_logprobs") && !reply->wantsLogprobs)
    fields.fail("top_logprobs", "'top_logprobs' needs 'logprobs'");
  std::vector<ChatMessage> messages = readMessages(fields);
  ChatOptions written = readVariables(fields, chatTemplate);
  std::vector<int32_t> prompt;
  std::string error;
  size_t place;
  if (!fields.failed() &&
      !chatTemplate.encode(messages, written, prompt, error, place)) {
    std::string name = format("messages[%zu]", place);
    fields.fail(name.c_str(), "'" + name + "' " + error);
  }
  addChoices(*reply, prompt, o, n, "messages", fields);
  if (!failed(id, fields) && hasRoom(id, reply->choices.size()))
    start(std::move(reply));
}
