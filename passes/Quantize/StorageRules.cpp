//===- StorageRules.cpp - Which matrix has which format -------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/StorageRules.h"
#include "dialects/FPMoE/Storage.h"
#include "lib/Checkpoint/Input.h"

using namespace llvm;
using namespace fpmoe;

Expected<StorageRules> StorageRules::parse(StringRef text) {
  StorageRules result;
  SmallVector<StringRef> parts;
  if (!text.empty())
    text.split(parts, ',');
  for (auto [i, part] : enumerate(parts)) {
    auto [name, format] = part.rsplit('=');
    bool isRule = part.contains('=');
    if (!isRule)
      format = part;
    if (!isStorageName(format) || (isRule && name.empty()) ||
        (!isRule && i > 0))
      return createStringError(
          quoted(part) +
          (i > 0 || isRule
               ? " is no rule; rules are PATTERN=FORMAT, as in *down_proj=int8"
               : " is not a format") +
          " (known: " + listStorageNames() + ")");
    if (!isRule) {
      result.fallback = format.str();
      continue;
    }
    Expected<GlobPattern> pattern = GlobPattern::create(name);
    if (!pattern)
      return createStringError(quoted(name) + ": " +
                               toString(pattern.takeError()));
    result.rules.push_back({part.str(), std::move(*pattern), format.str()});
  }
  return result;
}

const StorageRules::Rule *StorageRules::find(StringRef name) const {
  for (const Rule &rule : rules)
    if (rule.pattern.match(name))
      return &rule;
  return nullptr;
}
