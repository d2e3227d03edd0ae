//===- MixtureConfig.h - configuration of an assembled model ----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Turns the config.json of a dense model into that of the mixture that a recipe
// makes of it. The result is read like any other config.json.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_ASSEMBLY_MIXTURECONFIG_H
#define FPMOE_LIB_ASSEMBLY_MIXTURECONFIG_H

#include "lib/Assembly/MixtureRecipe.h"
#include "lib/Config/Config.h"

#include "llvm/Support/JSON.h"

namespace fpmoe {

/// `dense` is the content of the file `fileName`, and `base` what it means.
/// Errors name the place of the layout where that does not suit the model.
llvm::Expected<llvm::json::Object>
makeMixtureConfig(const MixtureRecipe &recipe, const llvm::json::Object &dense,
                  const ModelConfig &base, llvm::StringRef fileName);

/// Fails if a part has another architecture or size in its file than the base.
/// The message is "has FIELD a, the base has b".
llvm::Error compareSizes(const llvm::json::Object &part,
                         const llvm::json::Object &base);

/// Fails if a part computes something else than the base of the same tensors,
/// however their files say it. The same message.
llvm::Error compareConfigs(const ModelConfig &part, const ModelConfig &base);

} // namespace fpmoe

#endif // FPMOE_LIB_ASSEMBLY_MIXTURECONFIG_H
