//===- ChatTemplate.cpp - conversations as prompts --------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/tokenizer/ChatTemplate.h"
#include "runtime/tokenizer/Utf8.h"

#include <algorithm>

namespace fpmoe {

using namespace tokenizer_format;

ChatTemplate::ChatTemplate(const Tokenizer *tokenizer)
    : tokenizer(tokenizer), form(tokenizer ? tokenizer->chatForm() : nullptr) {
  if (!isKnown())
    return;
  std::vector<int32_t> ids;
  std::string error;
  std::string behind((*form)[ChatText::AfterAssistant]);
  tokenizer->encode({{behind, /*isMarkup=*/true}}, ids, error);
  std::copy_if(ids.begin(), ids.end(), std::back_inserter(stops),
               [&](int32_t id) { return tokenizer->isSpecial(id); });
}

std::string ChatTemplate::family() const {
  return form ? std::string((*form)[ChatText::Family]) : "";
}

std::string ChatTemplate::problem() const {
  if (!tokenizer)
    return "this program has no tokenizer";
  return form ? std::string((*form)[ChatText::Problem])
              : "this model has no chat template; fpmoe-compile takes one by "
                "--chat-template=FAMILY";
}

/// What str.strip() of Python takes away: more than Unicode's White_Space.
static bool isStripped(uint32_t character) {
  return isWhitespace(character) || (character >= 0x1c && character <= 0x1f);
}

static void trimStart(std::string &text) {
  size_t begin = 0;
  while (begin != text.size() &&
         isStripped(decodeCharacter(std::string_view(text).substr(begin))))
    begin += characterSize(text[begin]);
  text.erase(0, begin);
}

static void trimEnd(std::string &text) {
  while (!text.empty()) {
    size_t last = text.size() - 1;
    while (last != 0 && (static_cast<unsigned char>(text[last]) & 0xc0) == 0x80)
      --last;
    if (!isStripped(decodeCharacter(std::string_view(text).substr(last))))
      return;
    text.resize(last);
  }
}

/// Of all parts together.
static void trim(std::vector<TextPart> &parts) {
  for (TextPart &part : parts) {
    trimStart(part.text);
    if (!part.text.empty())
      break;
  }
  for (size_t i = parts.size(); i-- != 0;) {
    trimEnd(parts[i].text);
    if (!parts[i].text.empty())
      break;
  }
}

bool ChatTemplate::check(const std::vector<ChatMessage> &messages,
                         std::string &error, size_t &place) const {
  auto fail = [&](size_t i, const std::string &what) {
    place = i;
    error = what;
    return false;
  };
  if (messages.empty())
    return fail(0, "is missing: there has to be one");
  bool hasSystem = form->has(kSystemFirst), hasUser = false;
  for (size_t i = 0; i != messages.size(); ++i) {
    const std::string &role = messages[i].role;
    bool isSystem = role == "system" && hasSystem;
    if (!isSystem && role != "user" && role != "assistant")
      return fail(i, "has the role '" + role + "', the chat template '" +
                         family() + "' has " + (hasSystem ? "'system', " : "") +
                         "'user' and 'assistant'");
    if (isSystem && i != 0 && !form->has(kSystemAnywhere))
      return fail(i, "has the role 'system', which in the chat template '" +
                         family() + "' comes first");
    bool isAnswer = role == "assistant";
    bool wantsAnswer = hasUser && messages[i - 1].role == "user";
    if (form->has(kAlternates) && !isSystem && isAnswer != wantsAnswer)
      return fail(i, "has the role '" + role + "': in the chat template '" +
                         family() +
                         "' user and assistant take turns, the user begins");
    hasUser |= role == "user";
  }
  size_t last = messages.size() - 1;
  if (messages[last].role == "assistant")
    return fail(last, "has the role 'assistant' and is the last one: an answer "
                      "that has begun cannot be gone on with");
  bool isInUser = form->has(kSystemInFirstUser | kSystemInLastUser);
  if (isInUser && !hasUser)
    return fail(last, "has the role 'system', and none of the user follows");
  return true;
}

std::vector<TextPart>
ChatTemplate::write(const std::vector<ChatMessage> &messages) const {
  std::vector<TextPart> parts;
  auto markup = [&](ChatText text) {
    parts.push_back({std::string((*form)[text]), /*isMarkup=*/true});
  };
  auto turn = [&](ChatText before, std::vector<TextPart> content, bool trims,
                  ChatText after) {
    markup(before);
    if (trims)
      trim(content);
    parts.insert(parts.end(), content.begin(), content.end());
    markup(after);
  };
  auto system = [&](std::string_view content, bool isMarkup) {
    turn(ChatText::BeforeSystem, {{std::string(content), isMarkup}},
         form->has(kTrimSystem), ChatText::AfterSystem);
  };
  bool isInUser = form->has(kSystemInFirstUser | kSystemInLastUser);
  bool beginsWithSystem = messages[0].role == "system";
  std::string_view otherwise = (*form)[ChatText::DefaultSystem];
  markup(ChatText::Begin);
  if (!beginsWithSystem && !otherwise.empty())
    system(otherwise, /*isMarkup=*/true);
  size_t holder = form->has(kSystemInLastUser) ? messages.size() - 1 : 1;
  for (size_t i = 0; i != messages.size(); ++i) {
    const ChatMessage &message = messages[i];
    std::vector<TextPart> content = {{message.content, /*isMarkup=*/false}};
    if (message.role == "system") {
      if (!isInUser)
        system(message.content, /*isMarkup=*/false);
    } else if (message.role == "user") {
      if (isInUser && beginsWithSystem && i == holder)
        content = {
            {std::string((*form)[ChatText::BeforeSystem]), /*isMarkup=*/true},
            {messages[0].content, /*isMarkup=*/false},
            {std::string((*form)[ChatText::AfterSystem]), /*isMarkup=*/true},
            content[0]};
      turn(ChatText::BeforeUser, std::move(content), form->has(kTrimUser),
           ChatText::AfterUser);
    } else {
      turn(ChatText::BeforeAssistant, std::move(content),
           form->has(kTrimAssistant), ChatText::AfterAssistant);
    }
  }
  markup(ChatText::Answer);
  return parts;
}

bool ChatTemplate::encode(const std::vector<ChatMessage> &messages,
                          std::vector<int32_t> &ids, std::string &error,
                          size_t &place) const {
  if (!check(messages, error, place))
    return false;
  if (tokenizer->encode(write(messages), ids, error))
    return true;
  place = messages.size() - 1;
  error = "cannot be encoded by the program's tokenizer: " + error;
  return false;
}

} // namespace fpmoe
