//===- RopeConfig.h - rotary embedding in config.json -----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads `rope_theta` and `rope_parameters`, which older versions of
// `transformers` called `rope_scaling`.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CONFIG_ROPECONFIG_H
#define FPMOE_LIB_CONFIG_ROPECONFIG_H

#include "lib/Config/Config.h"
#include "lib/Config/Fields.h"

namespace fpmoe {

/// Fields of config.json that readRope() reads.
bool isRopeField(llvm::StringRef key);

/// Writes a scaling that the model's files do not have into its config.json, as
/// the cards of models tell people to, with the context that follows.
llvm::Error setRopeScaling(llvm::json::Object &config,
                           const RopeScalingOption &option,
                           llvm::StringRef fileName);

/// Sets `ropeTheta` and `ropeScaling`; maxPositions and the sizes of heads are
/// set before. With a latent, `attentionScale` is changed as yarn asks for.
llvm::Error readRope(const Fields &fields, llvm::StringRef fileName,
                     ModelConfig &config);

} // namespace fpmoe

#endif // FPMOE_LIB_CONFIG_ROPECONFIG_H
