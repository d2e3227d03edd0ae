//===- RopeConfig.h - rotary embedding in config.json -----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads `rope_theta` and `rope_parameters`, which older versions of
// `transformers` called `rope_scaling`.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_MODEL_ROPECONFIG_H
#define FPMOE_LIB_MODEL_ROPECONFIG_H

#include "lib/Model/Config.h"
#include "lib/Model/Fields.h"

namespace fpmoe {

/// Fields of config.json that readRope() reads.
bool isRopeField(llvm::StringRef key);

/// Sets `ropeTheta` and `ropeScaling`; maxPositions and the sizes of heads are
/// set before. With a latent, `attentionScale` is changed as yarn asks for.
llvm::Error readRope(const Fields &fields, llvm::StringRef fileName,
                     ModelConfig &config);

} // namespace fpmoe

#endif // FPMOE_LIB_MODEL_ROPECONFIG_H
