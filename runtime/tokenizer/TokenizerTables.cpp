//===- TokenizerTables.cpp - the tables of a tokenizer ----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loading checks every section against the blob's size, so that a wrong or
// damaged blob gives an error; what is read later stays in checked sections.
// Texts of ordinary tokens, of which there are many, are checked when decoded.
//
//===----------------------------------------------------------------------===//
#include "runtime/tokenizer/TokenizerTables.h"
#include "runtime/tokenizer/Utf8.h"

#include <algorithm>

namespace fpmoe {

using namespace tokenizer_format;

static bool isPowerOfTwo(uint32_t n) { return n != 0 && (n & (n - 1)) == 0; }

bool TokenizerTables::load(const uint8_t *bytes, size_t size,
                           std::string &error) {
  if (size < sizeof(Header)) {
    error = "tokenizer tables: " + std::to_string(size) +
            " bytes are too few for the header of " +
            std::to_string(sizeof(Header));
    return false;
  }
  blob = bytes;
  std::memcpy(&header, bytes, sizeof(header));
  if (header.magic != kMagic || header.version != kVersion) {
    error = "tokenizer tables: version " + std::to_string(header.version) +
            ", this runtime reads version " + std::to_string(kVersion);
    return false;
  }
  if (header.size != size) {
    error = "tokenizer tables: " + std::to_string(size) +
            " bytes, the header says " + std::to_string(header.size);
    return false;
  }
  struct Check {
    const char *name;
    const Section &section;
    size_t elementSize;
    bool countIsRight;
  };
  const Section &vocabulary = header.vocabulary, &merges = header.merges;
  const Check checks[] = {
      {"text ends", header.textEnds, 4,
       header.textEnds.count == uint64_t(header.idCount) + 1},
      {"token flags", header.tokenFlags, 1,
       header.tokenFlags.count == header.idCount},
      {"text", header.text, 1, true},
      {"vocabulary", vocabulary, 4, isPowerOfTwo(vocabulary.count)},
      {"merges", merges, sizeof(Merge), isPowerOfTwo(merges.count)},
      {"byte tokens", header.byteTokens, 4,
       header.byteTokens.count == (header.flags & kByteLevel ? 256 : 0)},
      {"fallback", header.fallback, 4,
       header.fallback.count == (header.flags & kByteFallback ? 256 : 0)},
      {"added tokens", header.added, 4, true},
      {"normalizer", header.normalizer, sizeof(Step), true},
      {"pre-tokenizer", header.preTokenizer, sizeof(Step), true},
      {"decoder", header.decoder, sizeof(Step), true},
      {"prefix", header.prefix, 4, true},
      {"suffix", header.suffix, 4, true},
      {"chat", header.chat, sizeof(Chat), header.chat.count <= 1},
  };
  for (const Check &check : checks) {
    uint64_t end = check.section.offset +
                   uint64_t(check.section.count) * check.elementSize;
    if (end > size || !check.countIsRight) {
      error = std::string("tokenizer tables: section '") + check.name +
              "' of " + std::to_string(check.section.count) +
              " elements ends at byte " + std::to_string(end) + " of " +
              std::to_string(size);
      return false;
    }
  }
  if (!loadSteps(header.normalizer, normalizer, error) ||
      !loadSteps(header.preTokenizer, preTokenizer, error) ||
      !loadSteps(header.decoder, decoder, error) || !checkGrowth(error) ||
      !loadAddedTokens(error) || !loadChat(error))
    return false;
  for (unsigned c = 0; c != 128; ++c) {
    char character = static_cast<char>(c);
    asciiIds[c] = findToken(std::string_view(&character, 1), /*model=*/true);
  }
  return true;
}

bool TokenizerTables::loadAddedTokens(std::string &error) {
  size_t normalizedBytes = 0;
  for (uint32_t i = 0; i != header.added.count; ++i) {
    uint32_t id = word(header.added, i);
    std::string_view text = tokenText(id);
    if (size_t badOffset; !isValidUtf8(text, badOffset)) {
      error = "tokenizer tables: added token " + std::to_string(id) +
              " is not UTF-8";
      return false;
    }
    std::string normalized;
    bool isNormalized = tokenFlags(id) & kNormalized;
    if (isNormalized &&
        !normalize(text, /*first=*/0, mostBytesFrom(0), normalized, error)) {
      error = "added token " + std::to_string(id) + ": " + error;
      return false;
    }
    normalizedBytes += normalized.size();
    TokenTrie &trie = isNormalized ? normalizedTokens : rawTokens;
    if (normalizedBytes > TokenTrie::kMostNodes * 16 ||
        !trie.insert(isNormalized ? normalized : text, id)) {
      error = "the added tokens are too long together, at most " +
              std::to_string(TokenTrie::kMostNodes) +
              " beginnings of texts are told apart";
      return false;
    }
    if (isNormalized && normalized != text)
      normalizedTexts.emplace_back(id, std::move(normalized));
  }
  std::sort(normalizedTexts.begin(), normalizedTexts.end());
  return true;
}

/// What one step puts into a text must not grow in those behind it: they would
/// make any text too long.
bool TokenizerTables::checkGrowth(std::string &error) const {
  auto most = [](const LoadedStep &step) {
    return 4096 + kMostGrowth * step.content.size();
  };
  auto fail = [&](size_t from) {
    error +=
        " when it comes to what step " + std::to_string(from + 1) + " puts in";
    return false;
  };
  std::string text, replaced;
  for (size_t i = 0; i != normalizer.size(); ++i)
    if (!normalize(normalizer[i].content, i + 1, most(normalizer[i]), text,
                   error))
      return fail(i);
  for (size_t i = 0; i != decoder.size(); ++i) {
    text = decoder[i].content;
    for (size_t k = i + 1; k != decoder.size(); ++k) {
      if (decoder[k].kind != StepKind::Replace)
        continue;
      if (!replaceMatches(decoder[k], text, most(decoder[i]), replaced,
                          error)) {
        error = stepError("decoder", k, error);
        return fail(i);
      }
      text.swap(replaced);
    }
  }
  return true;
}

bool TokenizerTables::loadText(const Section &section,
                               std::string_view &out) const {
  if (uint64_t(section.offset) + section.count > header.size)
    return false;
  out = {reinterpret_cast<const char *>(blob) + section.offset, section.count};
  size_t badOffset;
  return isValidUtf8(out, badOffset);
}

bool TokenizerTables::loadChat(std::string &error) {
  if (header.chat.count == 0)
    return true;
  Chat stored;
  std::memcpy(&stored, blob + header.chat.offset, sizeof(stored));
  chat.emplace();
  chat->flags = stored.flags;
  for (uint32_t i = 0; i != kChatTexts; ++i)
    if (!loadText(stored.texts[i], chat->texts[i])) {
      error = "tokenizer tables: text " + std::to_string(i) +
              " of conversations is malformed";
      return false;
    }
  return true;
}

bool TokenizerTables::loadSteps(const Section &section,
                                std::vector<LoadedStep> &steps,
                                std::string &error) {
  for (uint32_t i = 0; i != section.count; ++i) {
    Step step;
    std::memcpy(&step, blob + section.offset + i * sizeof(Step), sizeof(Step));
    LoadedStep loaded = {step.kind,    step.flags, step.number,
                         step.number2, {},         {}};
    std::string_view pattern;
    bool hasPattern =
        step.kind == StepKind::Replace || step.kind == StepKind::Split;
    bool hasContent = hasPattern || step.kind == StepKind::Metaspace ||
                      step.kind == StepKind::Strip;
    if (static_cast<uint32_t>(step.kind) >= kStepKinds ||
        !loadText(step.pattern, pattern) ||
        !loadText(step.content, loaded.content) ||
        (hasPattern && pattern.empty()) ||
        (hasContent && step.kind != StepKind::Replace &&
         step.kind != StepKind::Split && loaded.content.empty())) {
      error = "tokenizer tables: step " + std::to_string(i) + " of kind " +
              std::to_string(static_cast<uint32_t>(step.kind)) +
              " is malformed";
      return false;
    }
    loaded.pattern.isRegex = hasPattern && (step.flags & kRegex);
    loaded.pattern.literal = pattern;
    if (loaded.pattern.isRegex) {
      std::string problem;
      if (!loaded.pattern.regex.compile(pattern, problem)) {
        error = "tokenizer tables: the pattern of step " + std::to_string(i) +
                ": " + problem;
        return false;
      }
    }
    steps.push_back(std::move(loaded));
  }
  return true;
}

std::string_view TokenizerTables::tokenText(uint32_t id) const {
  if (id >= header.idCount)
    return {};
  uint32_t begin = word(header.textEnds, id);
  uint32_t end = word(header.textEnds, id + 1);
  if (begin > end || end > header.text.count)
    return {};
  return {reinterpret_cast<const char *>(blob) + header.text.offset + begin,
          end - begin};
}

std::string_view TokenizerTables::textToDecode(uint32_t id) const {
  auto place = std::lower_bound(
      normalizedTexts.begin(), normalizedTexts.end(), id,
      [](const auto &entry, uint32_t key) { return entry.first < key; });
  if (place != normalizedTexts.end() && place->first == id)
    return place->second;
  return tokenText(id);
}

uint32_t TokenizerTables::findToken(std::string_view text, bool model) const {
  uint32_t mask = header.vocabulary.count - 1;
  uint32_t slot = hashText(text.data(), text.size()) & mask;
  for (uint32_t probes = 0; probes <= mask;
       ++probes, slot = (slot + 1) & mask) {
    uint32_t id = word(header.vocabulary, slot);
    if (id == kNone)
      return kNone;
    if (tokenText(id) == text)
      return !model || (tokenFlags(id) & kInModel) ? id : kNone;
  }
  return kNone;
}

bool TokenizerTables::findMerge(uint32_t left, uint32_t right, uint32_t &rank,
                                uint32_t &result) const {
  uint32_t mask = header.merges.count - 1;
  uint32_t slot = hashPair(left, right) & mask;
  for (uint32_t probes = 0; probes <= mask;
       ++probes, slot = (slot + 1) & mask) {
    Merge merge;
    std::memcpy(&merge, blob + header.merges.offset + slot * sizeof(Merge),
                sizeof(Merge));
    if (merge.left == kNone)
      return false;
    if (merge.left == left && merge.right == right) {
      rank = merge.rank;
      result = merge.result;
      return true;
    }
  }
  return false;
}

} // namespace fpmoe
