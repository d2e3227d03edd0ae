//===- Chat.cpp - how a model's conversations are written -------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "lib/Tokenizer/Chat.h"
#include "lib/Checkpoint/Gguf.h"
#include "lib/Checkpoint/Input.h"
#include "lib/Checkpoint/Json.h"
#include "lib/Tokenizer/ChatFamilies.h"
#include "lib/Tokenizer/TemplateTokens.h"
#include "runtime/tokenizer/TokenizerTables.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"

#include <cstring>

using namespace llvm;

namespace fpmoe {

using namespace tokenizer_format;

/// tokenizer_config.json lists added tokens, of which there may be many.
static constexpr uint64_t mostConfigBytes = 16 << 20;

//===----------------------------------------------------------------------===//
// Where the template is
//===----------------------------------------------------------------------===//

/// A token is its text, or an object that holds it.
static std::string textOf(const json::Value *token) {
  if (token && token->getAsObject())
    token = token->getAsObject()->get("content");
  std::optional<StringRef> text = token ? token->getAsString() : std::nullopt;
  return text.value_or("").str();
}

static Error readConfig(const std::string &path, ChatSource &source) {
  Expected<std::string> text = readSmallFile(path, mostConfigBytes);
  if (!text)
    return text.takeError();
  // Other values may be any, such as the 1e30 of model_max_length that stands
  // for none.
  json::Object config;
  JsonReader reader(*text, path);
  unsigned budget = 10000;
  Error read = reader.object([&](StringRef key) -> Error {
    if (key != "bos_token" && key != "eos_token" && key != "chat_template")
      return reader.skip();
    Expected<json::Value> value = reader.value(budget);
    if (!value)
      return value.takeError();
    config[key.str()] = std::move(*value);
    return Error::success();
  });
  if (!read)
    read = reader.finish();
  if (read)
    return read;
  source.beginToken = textOf(config.get("bos_token"));
  source.endToken = textOf(config.get("eos_token"));
  const json::Value *given = config.get("chat_template");
  if (!given || given->kind() == json::Value::Null)
    return Error::success();
  source.file = path;
  if (std::optional<StringRef> one = given->getAsString()) {
    source.text = one->str();
    return Error::success();
  }
  const json::Array *named = given->getAsArray();
  if (!named)
    return fileError(path, "chat_template must be a string, or a list of "
                           "objects with 'name' and 'template'");
  source.text = ""; // there are some, but none for conversations alone
  for (const json::Value &each : *named) {
    const json::Object *object = each.getAsObject();
    std::optional<StringRef> name, text;
    if (object) {
      name = object->getString("name");
      text = object->getString("template");
    }
    if (!name || !text)
      return fileError(path, "an element of chat_template must be an object "
                             "with the strings 'name' and 'template'");
    if (*name == "default")
      source.text = text->str();
  }
  return Error::success();
}

Expected<ChatSource> readChatSource(StringRef model) {
  if (isGgufPath(model)) {
    Expected<GgufFile> file = readGguf(model);
    return file ? readChatSource(file->metadata) : file.takeError();
  }
  ChatSource source;
  if (!sys::fs::is_directory(model))
    return source;
  if (auto config = findFile(model, "tokenizer_config.json"))
    if (Error e = readConfig(*config, source))
      return std::move(e);
  auto jinja = findFile(model, "chat_template.jinja");
  if (!jinja)
    return source;
  Expected<std::string> text = readSmallFile(*jinja, maxConfigFile);
  if (!text)
    return text.takeError();
  source.file = *jinja;
  source.text = std::move(*text);
  return source;
}

Expected<ChatSource> readChatSource(const GgufMetadata &metadata) {
  static constexpr StringLiteral key = "tokenizer.chat_template";
  ChatSource source;
  source.file = metadata.file() + ": " + key.str();
  auto readToken = [&](StringRef idKey, std::string &text) -> Error {
    if (!metadata.has(idKey))
      return Error::success();
    Expected<int64_t> id = metadata.getInteger(idKey);
    if (!id)
      return id.takeError();
    Expected<const GgufValue *> tokens =
        metadata.getArray("tokenizer.ggml.tokens", GgufType::String);
    if (!tokens)
      return tokens.takeError();
    if (*id >= 0 && static_cast<uint64_t>(*id) < (*tokens)->count)
      text = (*tokens)->string(*id)->str();
    return Error::success();
  };
  if (Error e = readToken("tokenizer.ggml.bos_token_id", source.beginToken))
    return std::move(e);
  if (Error e = readToken("tokenizer.ggml.eos_token_id", source.endToken))
    return std::move(e);
  if (!metadata.has(key))
    return source;
  Expected<StringRef> text = metadata.getString(key);
  if (!text)
    return text.takeError();
  source.text = text->str();
  return source;
}

//===----------------------------------------------------------------------===//
// Its family
//===----------------------------------------------------------------------===//

static const ChatFamily *findFamily(StringRef name) {
  ArrayRef<ChatFamily> families = getChatFamilies();
  const auto *found = find_if(
      families, [&](const ChatFamily &each) { return each.name == name; });
  return found == families.end() ? nullptr : found;
}

Expected<ChatChoice> ChatChoice::create(StringRef name, StringRef place) {
  if (name != "none" && !findFamily(name))
    return createStringError(place + " is " + quoted(name) + ", it must be " +
                             listChatChoices());
  return ChatChoice{name.str(), place.str()};
}

std::string listChatChoices() {
  std::string names;
  for (const ChatFamily &family : getChatFamilies())
    names += (names.empty() ? "" : ", ") + family.name.str();
  return names + " or none";
}

namespace {
/// A family, and what a template has of its own.
struct Found {
  const ChatFamily *family = nullptr;
  std::string begin, system;
};
} // namespace

/// Nothing changes: what the prompt of an answer is is always asked for.
static void dropDefault(ArrayRef<TemplateToken> &tokens) {
  for (StringRef text :
       {"{% if not add_generation_prompt is defined %}"
        "{% set add_generation_prompt = false %}{% endif %}",
        "{% if add_generation_prompt is not defined %}"
        "{% set add_generation_prompt = false %}{% endif %}"}) {
    std::vector<TemplateToken> known = *readTemplate(text);
    if (tokens.take_front(known.size()) == ArrayRef(known))
      tokens = tokens.drop_front(known.size());
  }
}

/// The texts of $SYSTEM as one, with the day that the program is to write.
static std::string joinSystem(const ChatFamily &family,
                              ArrayRef<std::string> parts) {
  std::string text;
  for (const std::string &part : parts) {
    for (char c : part)
      text += c == '%' && family.flags & kDated ? "%%" : std::string(1, c);
    if (&part == parts.begin() && parts.size() > 1)
      text += family.day;
  }
  return text;
}

static Found recognise(StringRef text) {
  std::optional<std::vector<TemplateToken>> read;
  if (json::isUTF8(text))
    read = readTemplate(text);
  if (!read)
    return {};
  ArrayRef<TemplateToken> tokens = *read;
  dropDefault(tokens);
  for (const ChatFamily &family : getChatFamilies())
    for (StringRef pattern : family.templates) {
      std::vector<std::string> system;
      std::vector<TemplateToken> wanted = *readTemplate(pattern);
      if (matchTemplate(wanted, tokens, system))
        return {&family, family.begin.str(), joinSystem(family, system)};
      bool beginsWith = family.begin.empty() && tokens.size() > 2 &&
                        tokens[0].kind == TemplateToken::Print &&
                        (tokens[2].kind != TemplateToken::Word);
      StringRef token = beginsWith ? StringRef(tokens[1].text) : "";
      if ((token == "bos_token" || token == "eos_token") &&
          matchTemplate(wanted, tokens.drop_front(2), system))
        return {&family, token == "bos_token" ? "{bos}" : "{eos}",
                joinSystem(family, system)};
    }
  return {};
}

//===----------------------------------------------------------------------===//
// The tables
//===----------------------------------------------------------------------===//

namespace {
/// tokenizer_format::Chat with its texts.
struct ChatImage {
  uint32_t flags = 0;
  std::string texts[kChatTexts];

  std::string &operator[](ChatText text) {
    return texts[static_cast<uint32_t>(text)];
  }
};
} // namespace

/// Whether a special token is one wherever markup has its text; else says why.
static std::string checkMarker(const TokenizerTables &tables, StringRef text) {
  uint32_t id = tables.findToken(text, /*model=*/false);
  uint8_t flags = id == kNone ? 0 : tables.tokenFlags(id);
  if (!(flags & kSpecial))
    return quoted(text) + " is no special token of the tokenizer";
  if ((flags & kNormalized) && !tables.normalizer.empty())
    return quoted(text) + " is looked for in normalized text";
  return "";
}

/// Puts a token in all places of its name.
static std::string resolveToken(ChatImage &image, const TokenizerTables &tables,
                                StringRef name, StringRef token,
                                StringRef called) {
  auto hasName = [&](StringRef text) { return text.contains(name); };
  if (none_of(image.texts, hasName))
    return "";
  if (token.empty())
    return "the model names no " + called.str();
  for (std::string &text : image.texts)
    for (size_t at = 0; (at = text.find(name.str(), at)) != std::string::npos;
         at += token.size())
      text.replace(at, name.size(), token.str());
  return checkMarker(tables, token);
}

/// Fills `image`, or says why the family does not fit.
static std::string makeImage(const Found &found, const ChatSource &source,
                             const TokenizerTables &tables, ChatImage &image) {
  const ChatFamily &family = *found.family;
  for (StringRef marker : family.markers)
    if (std::string problem = checkMarker(tables, marker); !problem.empty())
      return problem;
  image.flags = family.flags;
  image[ChatText::Begin] = found.begin;
  image[ChatText::BeforeSystem] = family.system.before.str();
  image[ChatText::AfterSystem] = family.system.after.str();
  image[ChatText::BeforeUser] = family.user.before.str();
  image[ChatText::AfterUser] = family.user.after.str();
  image[ChatText::BeforeAssistant] = family.assistant.before.str();
  image[ChatText::AfterAssistant] = family.assistant.after.str();
  image[ChatText::Answer] = family.answer.str();
  image[ChatText::Preface] = family.preface.str();
  image[ChatText::NoThoughts] = family.noThoughts.str();
  std::string problem =
      resolveToken(image, tables, "{bos}", source.beginToken, "bos_token");
  if (problem.empty())
    problem =
        resolveToken(image, tables, "{eos}", source.endToken, "eos_token");
  // This one is the model's.
  image[ChatText::Family] = family.name.str();
  image[ChatText::DefaultSystem] = found.system;
  return problem;
}

static void append(std::vector<uint8_t> &tables, const ChatImage &image) {
  Chat chat = {image.flags, 0, {}};
  auto add = [&](const void *data, size_t size) {
    tables.resize(alignTo(tables.size(), 8));
    Section section = {static_cast<uint32_t>(tables.size()),
                       static_cast<uint32_t>(size)};
    const auto *begin = static_cast<const uint8_t *>(data);
    tables.insert(tables.end(), begin, begin + size);
    return section;
  };
  for (uint32_t i = 0; i != kChatTexts; ++i)
    chat.texts[i] = add(image.texts[i].data(), image.texts[i].size());
  Header header;
  std::memcpy(&header, tables.data(), sizeof(header));
  header.chat = {add(&chat, sizeof(chat)).offset, 1};
  header.size = static_cast<uint32_t>(tables.size());
  std::memcpy(tables.data(), &header, sizeof(header));
}

static constexpr StringLiteral option = "--chat-template";

Error addChat(std::vector<uint8_t> &tables, const ChatSource &source,
              const std::optional<ChatChoice> &choice,
              function_ref<void(const Twine &)> note) {
  ChatImage none;
  if (choice && choice->name == "none") {
    none[ChatText::Problem] =
        "this program was compiled with " + option.str() + "=none";
    append(tables, none);
    return Error::success();
  }
  Found found;
  if (choice)
    found = {findFamily(choice->name), findFamily(choice->name)->begin.str(),
             ""};
  else if (source.text)
    found = recognise(*source.text);
  else
    return Error::success();

  std::string problem = "is of no family that is known";
  if (found.family) {
    TokenizerTables loaded;
    std::string error;
    if (!loaded.load(tables.data(), tables.size(), error))
      return createStringError(error);
    ChatImage image;
    problem = makeImage(found, source, loaded, image);
    if (problem.empty()) {
      append(tables, image);
      return Error::success();
    }
    problem = found.family->name.str() + "', but " + problem;
    if (choice)
      return createStringError(choice->place + " is '" + problem);
    problem = "is of the family '" + problem;
  }
  none[ChatText::Problem] = "the chat template of this model " + problem +
                            "; fpmoe-compile takes one by " + option.str() +
                            "=FAMILY";
  append(tables, none);
  note(source.file + ": the chat template " + problem +
       ", so the program will have no chat; where the model was trained on "
       "one, choose it by " +
       option + ": " + listChatChoices());
  return Error::success();
}

Error addChat(std::vector<uint8_t> &tables, StringRef model,
              const std::optional<ChatChoice> &choice,
              function_ref<void(const Twine &)> note) {
  if (tables.empty())
    return !choice || choice->name == "none"
               ? Error::success()
               : createStringError(choice->place + " is '" + choice->name +
                                   "', but " + model + " has no tokenizer");
  Expected<ChatSource> source = readChatSource(model);
  return source ? addChat(tables, *source, choice, note) : source.takeError();
}

} // namespace fpmoe
