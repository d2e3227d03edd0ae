//===- MixtureConfig.h - configuration of an assembled model ----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Turns the config.json of a dense model into that of the mixture that a recipe
// makes of it. The result is read like any other config.json.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_MODEL_MIXTURECONFIG_H
#define FPMOE_LIB_MODEL_MIXTURECONFIG_H

#include "lib/Model/MixtureRecipe.h"

#include "llvm/Support/JSON.h"

namespace fpmoe {

/// `dense` is the content of the file `fileName`. Errors name the field, or the
/// place of the layout where that does not suit the model.
llvm::Expected<llvm::json::Object>
makeMixtureConfig(const MixtureRecipe &recipe, const llvm::json::Object &dense,
                  llvm::StringRef fileName);

/// Fails if a part differs from the base in a field that shapes tensors or what
/// they compute. The message is "has FIELD a, the base has b".
llvm::Error compareConfigs(const llvm::json::Object &part,
                           const llvm::json::Object &base);

} // namespace fpmoe

#endif // FPMOE_LIB_MODEL_MIXTURECONFIG_H
