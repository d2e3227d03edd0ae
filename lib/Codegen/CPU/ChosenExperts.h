//===- ChosenExperts.h - The experts of one token ---------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CPU_CHOSENEXPERTS_H
#define FPMOE_LIB_CODEGEN_CPU_CHOSENEXPERTS_H

#include "lib/Codegen/CPU/Phase.h"

namespace fpmoe {

/// body(expert, its slot) for the experts that one token has chosen, the lowest
/// number first; a negative one is none. All that run it go the same way.
void emitInOrder(PhaseContext &phase, mlir::Value experts, int64_t topK,
                 llvm::function_ref<void(mlir::Value, mlir::Value)> body);

} // namespace fpmoe

#endif
