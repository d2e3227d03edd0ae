//===- Optimize.h - LLVM's passes over code ---------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_TARGET_CPU_OPTIMIZE_H
#define FPMOE_LIB_TARGET_CPU_OPTIMIZE_H

#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

namespace fpmoe {

/// Optimises what lib/Codegen made, for any machine.
void optimizeModule(llvm::Module &module, llvm::TargetMachine &machine);

} // namespace fpmoe

#endif
