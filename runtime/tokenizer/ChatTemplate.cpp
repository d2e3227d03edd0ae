//===- ChatTemplate.cpp - conversations as prompts --------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/tokenizer/ChatTemplate.h"
#include "runtime/tokenizer/Utf8.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

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

bool ChatTemplate::canThink(bool thinks) const {
  bool does = form && form->has(kThinks);
  return thinks == does || (does && !(*form)[ChatText::NoThoughts].empty());
}

Day Day::today() {
  time_t now = time(nullptr);
  tm parts = {};
  localtime_r(&now, &parts);
  return {parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday};
}

/// What strftime() makes of a format in the locale "C", whichever an
/// application has set; of the conversions those of ChatFlags.
static std::string formatDay(std::string_view format, const Day &day) {
  static const char *const months[] = {
      "January", "February", "March",     "April",   "May",      "June",
      "July",    "August",   "September", "October", "November", "December"};
  std::string text;
  auto add = [&](const char *as, int number) {
    char digits[16];
    snprintf(digits, sizeof(digits), as, number);
    text += digits;
  };
  for (size_t i = 0; i != format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      text += format[i];
      continue;
    }
    std::string_view month = months[day.month - 1];
    switch (char conversion = format[++i]) {
    case 'd':
      add("%02d", day.day);
      break;
    case 'm':
      add("%02d", day.month);
      break;
    case 'b':
      text += month.substr(0, 3);
      break;
    case 'B':
      text += month;
      break;
    case 'Y':
      add("%04d", day.year);
      break;
    default:
      text += conversion;
    }
  }
  return text;
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

static std::string_view dropLinesBefore(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of('\n'), text.size()));
}

static std::string_view dropLinesAfter(std::string_view text) {
  return text.substr(0, text.find_last_not_of('\n') + 1);
}

static constexpr std::string_view thinkBegin = "<think>", thinkEnd = "</think>";

static std::string_view dropThoughts(std::string_view text) {
  size_t end = text.rfind(thinkEnd);
  return end == std::string_view::npos ? text
                                       : text.substr(end + thinkEnd.size());
}

/// What Qwen3's assistant said (kTellsThoughts).
static std::vector<TextPart> writeAnswer(const ChatMessage &message,
                                         bool tellsThoughts) {
  std::string_view content = message.content, thoughts;
  size_t end = content.find(thinkEnd);
  if (message.thoughts) {
    thoughts = *message.thoughts;
  } else if (end != std::string_view::npos) {
    thoughts = dropLinesAfter(content.substr(0, end));
    size_t begin = thoughts.rfind(thinkBegin);
    if (begin != std::string_view::npos)
      thoughts = thoughts.substr(begin + thinkBegin.size());
    thoughts = dropLinesBefore(thoughts);
    content = dropLinesBefore(dropThoughts(content));
  }
  if (!tellsThoughts || thoughts.empty())
    return {{std::string(content), /*isMarkup=*/false}};
  return {{std::string(thinkBegin) + "\n", /*isMarkup=*/true},
          {std::string(dropLinesBefore(dropLinesAfter(thoughts))),
           /*isMarkup=*/false},
          {"\n" + std::string(thinkEnd) + "\n\n", /*isMarkup=*/true},
          {std::string(dropLinesBefore(content)), /*isMarkup=*/false}};
}

/// The place of the last question of the user, who also brings results of
/// tools; that of the last message if there is none.
static size_t findQuestion(const std::vector<ChatMessage> &messages) {
  static constexpr std::string_view begin = "<tool_response>",
                                    end = "</tool_response>";
  for (size_t i = messages.size(); i-- != 0;) {
    std::string_view text = messages[i].content;
    bool isResult = text.substr(0, begin.size()) == begin &&
                    text.size() >= end.size() &&
                    text.substr(text.size() - end.size()) == end;
    if (messages[i].role == "user" && !isResult)
      return i;
  }
  return messages.size() - 1;
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
  if (form->has(kSystemNotAlone) && last == 0 && messages[0].role == "system")
    return fail(last, "has the role 'system', and none follows");
  return true;
}

std::vector<TextPart>
ChatTemplate::write(const std::vector<ChatMessage> &messages,
                    const ChatOptions &options) const {
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
  auto dated = [&](ChatText text) {
    return form->has(kDated) ? formatDay((*form)[text], options.day)
                             : std::string((*form)[text]);
  };
  std::string preface = dated(ChatText::Preface);
  auto system = [&](TextPart content, bool isFirst) {
    std::vector<TextPart> all = {std::move(content)};
    if (form->has(kTrimSystem))
      trim(all);
    if (isFirst)
      all.insert(all.begin(), {preface, /*isMarkup=*/true});
    turn(ChatText::BeforeSystem, std::move(all), /*trims=*/false,
         ChatText::AfterSystem);
  };
  bool isInUser = form->has(kSystemInFirstUser | kSystemInLastUser);
  bool beginsWithSystem = messages[0].role == "system";
  std::string otherwise = dated(ChatText::DefaultSystem);
  markup(ChatText::Begin);
  if (!beginsWithSystem && !(otherwise.empty() && preface.empty()))
    system({otherwise, /*isMarkup=*/true}, /*isFirst=*/true);
  size_t question = findQuestion(messages);
  size_t holder = form->has(kSystemInLastUser) ? messages.size() - 1 : 1;
  for (size_t i = 0; i != messages.size(); ++i) {
    const ChatMessage &message = messages[i];
    std::vector<TextPart> content = {{message.content, /*isMarkup=*/false}};
    if (message.role == "system") {
      if (!isInUser)
        system(content[0], /*isFirst=*/i == 0);
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
      if (form->has(kTellsThoughts))
        content = writeAnswer(message, /*tellsThoughts=*/i > question);
      else if (form->has(kThinks))
        content[0].text = dropThoughts(message.content);
      turn(ChatText::BeforeAssistant, std::move(content),
           form->has(kTrimAssistant), ChatText::AfterAssistant);
    }
  }
  markup(ChatText::Answer);
  if (!options.thinks)
    markup(ChatText::NoThoughts);
  return parts;
}

bool ChatTemplate::encode(const std::vector<ChatMessage> &messages,
                          const ChatOptions &options, std::vector<int32_t> &ids,
                          std::string &error, size_t &place) const {
  if (!check(messages, error, place))
    return false;
  if (tokenizer->encode(write(messages, options), ids, error))
    return true;
  place = messages.size() - 1;
  error = "cannot be encoded by the program's tokenizer: " + error;
  return false;
}

} // namespace fpmoe
