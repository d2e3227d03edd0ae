//===- Pattern.cpp - regular expressions of configurations ------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// PCRE2's syntax holds what such expressions use of Python's.
//
//===----------------------------------------------------------------------===//

#include "lib/Assembly/Pattern.h"

#include "lib/Checkpoint/Input.h"

#include "llvm/ADT/Twine.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

using namespace llvm;

namespace fpmoe {

static constexpr uint32_t maxSteps = 1'000'000;
static constexpr size_t maxLength = 4096;

Expected<Pattern> Pattern::compile(StringRef expression) {
  if (expression.size() > maxLength)
    return createStringError("the expression has " + Twine(expression.size()) +
                             " characters, the limit is " + Twine(maxLength));
  int fault;
  PCRE2_SIZE offset;
  pcre2_code *code = pcre2_compile(
      reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
      PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C,
      &fault, &offset, nullptr);
  if (!code) {
    PCRE2_UCHAR text[256];
    pcre2_get_error_message(fault, text, sizeof(text));
    return createStringError("the expression " + quoted(expression) +
                             " is wrong at character " + Twine(offset) + ": " +
                             reinterpret_cast<const char *>(text));
  }
  Pattern pattern;
  pattern.code = std::shared_ptr<void>(code, [](void *owned) {
    pcre2_code_free(static_cast<pcre2_code *>(owned));
  });
  return pattern;
}

Expected<bool> Pattern::matches(StringRef text) const {
  auto *compiled = static_cast<pcre2_code *>(code.get());
  std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data *)> data(
      pcre2_match_data_create_from_pattern(compiled, nullptr),
      pcre2_match_data_free);
  std::unique_ptr<pcre2_match_context, void (*)(pcre2_match_context *)> limits(
      pcre2_match_context_create(nullptr), pcre2_match_context_free);
  pcre2_set_match_limit(limits.get(), maxSteps);
  pcre2_set_depth_limit(limits.get(), 10'000);
  int result = pcre2_match(compiled, reinterpret_cast<PCRE2_SPTR>(text.data()),
                           text.size(), 0, 0, data.get(), limits.get());
  if (result < 0 && result != PCRE2_ERROR_NOMATCH)
    return createStringError("an expression takes too long to match " +
                             quoted(text));
  return result >= 0;
}

} // namespace fpmoe
