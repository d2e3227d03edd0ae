//===- FillIn.cpp - prompts for the middle of a text ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/serve/FillIn.h"

#include <algorithm>

using namespace fpmoe;

/// Tokens as the vocabulary spells them. The middle follows the last of the
/// three; between the first two stands the prefix, behind the second the
/// suffix. In Mistral's order the suffix comes first.
struct FillIn::Family {
  const char *name;
  const char *before, *behind, *middle;
  const char *file;    ///< in front of the name of another file; null: unknown
  const char *ends[4]; ///< that the vocabulary may have, null behind the last
  bool suffixFirst;
};

const FillIn::Family FillIn::families[] = {
    {"Qwen2.5-Coder",
     "<|fim_prefix|>",
     "<|fim_suffix|>",
     "<|fim_middle|>",
     "<|file_sep|>",
     {"<|endoftext|>", "<|fim_pad|>", "<|file_sep|>", "<|repo_name|>"},
     false},
    {"StarCoder",
     "<fim_prefix>",
     "<fim_suffix>",
     "<fim_middle>",
     "<file_sep>",
     {"<|endoftext|>", "<fim_pad>", "<file_sep>", "<filename>"},
     false},
    {"DeepSeek-Coder",
     "<｜fim▁begin｜>",
     "<｜fim▁hole｜>",
     "<｜fim▁end｜>",
     nullptr,
     {"<｜end▁of▁sentence｜>", "<|EOT|>"},
     false},
    {"CodeLlama", "▁<PRE>", "▁<SUF>", "▁<MID>", nullptr, {"▁<EOT>"}, false},
    {"Codestral", "[PREFIX]", "[SUFFIX]", "[MIDDLE]", nullptr, {}, true},
};

FillIn::FillIn(const Text &text) : text(text) {
  for (const Family &each : families) {
    before = text.token(each.before);
    behind = text.token(each.behind);
    // Codestral begins with the suffix and ends with the prefix.
    middle = each.suffixFirst ? 0 : text.token(each.middle);
    if (before < 0 || behind < 0 || middle < 0)
      continue;
    family = &each;
    file = each.file ? text.token(each.file) : -1;
    for (const char *end : each.ends)
      if (int32_t token = end ? text.token(end) : -1; token >= 0)
        stops.push_back(token);
    for (int32_t token : {before, behind})
      stops.push_back(token);
    if (!each.suffixFirst)
      stops.push_back(middle);
    return;
  }
}

const char *FillIn::familyName() const { return family ? family->name : ""; }

Status FillIn::encode(const std::string &prefix, const std::string &suffix,
                      const std::vector<FillInFile> &files, int64_t most,
                      std::vector<int32_t> &ids) const {
  if (!family)
    return Status::error(
        "this model cannot fill in the middle: its vocabulary has the tokens "
        "of none of Qwen2.5-Coder, StarCoder, DeepSeek-Coder, CodeLlama and "
        "Codestral");
  std::vector<int32_t> first, last, others;
  ids.clear();
  Status status = text.encode("", "", ids);
  if (!status.failed())
    status = text.encodePart(prefix, "the text before the cursor", first);
  if (!status.failed())
    status = text.encodePart(suffix, "the text behind the cursor", last);
  for (const FillInFile &each : files) {
    if (file < 0 || status.failed())
      break;
    others.push_back(file);
    status =
        text.encodePart(each.name + "\n" + each.text, "another file", others);
  }
  if (status.failed())
    return status;
  if (!others.empty())
    others.push_back(file);

  // What is nearest to the cursor stays.
  int64_t room = most - static_cast<int64_t>(ids.size()) - 3;
  if (room < 1)
    return Status::error("the context has no room for a prompt");
  int64_t numFirst = first.size(), numLast = last.size();
  if (numFirst + numLast > room) {
    int64_t ofLast = std::min(numLast, std::max(room / 4, room - numFirst));
    int64_t ofFirst = std::min(numFirst, room - ofLast);
    first.erase(first.begin(), first.end() - ofFirst);
    last.resize(ofLast);
  }
  room -= first.size() + last.size();
  if (static_cast<int64_t>(others.size()) > room)
    others.erase(others.begin(), others.end() - room);
  ids.insert(ids.end(), others.begin(), others.end());
  auto add = [&](int32_t token, const std::vector<int32_t> &part) {
    ids.push_back(token);
    ids.insert(ids.end(), part.begin(), part.end());
  };
  if (family->suffixFirst) {
    add(behind, last);
    add(before, first);
  } else {
    add(before, first);
    add(behind, last);
    ids.push_back(middle);
  }
  return Status::success();
}
