//===- Styles.h - what the styles of replies have in common ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_SERVE_STYLES_H
#define FPMOE_RUNTIME_SERVE_STYLES_H

#include "runtime/serve/Api.h"

namespace fpmoe {

/// Tokens of the prompts and of the texts.
Json usageOf(const Reply &reply);

/// What ended a text, in OpenAI's words.
const char *reasonOf(const Reply::Choice &choice);

/// The fields that every OpenAI object has.
Json openAiHead(const Reply &reply, const char *object);

} // namespace fpmoe

#endif // FPMOE_RUNTIME_SERVE_STYLES_H
