//===- Object.h - From the LLVM dialect to an object file -------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_TARGET_CPU_OBJECT_H
#define FPMOE_LIB_TARGET_CPU_OBJECT_H

#include "lib/Target/CPU/Describe.h"
#include "llvm/IR/Module.h"

namespace fpmoe {

/// Translates the modules of all levels, which are of the LLVM dialect, to one;
/// `description` becomes `fpmoe_model` and what goes with it
/// (include/fpmoe/runtime/abi.h). Each function knows its level.
llvm::Expected<std::unique_ptr<llvm::Module>>
translateToLLVM(llvm::ArrayRef<LevelModule> levels,
                const ProgramDescription &description,
                llvm::LLVMContext &context);

/// What a function or a constant of a level is called in a program of several
/// levels: behind its name stands that of the level. Of one, it keeps its name.
std::string getLevelSymbol(llvm::StringRef name, llvm::StringRef level,
                           size_t numLevels);

/// Optimises the module and writes its object code, or with `assembly` its
/// assembly text, to `out`. `target` is that of what has no level.
llvm::Error emitObject(llvm::Module &module, const CpuTarget &target,
                       llvm::raw_pwrite_stream &out, bool assembly = false);

/// Adds the constants that describe the program
/// (lib/Target/CPU/Descriptor.cpp).
void addDescriptor(llvm::Module &module, const ProgramDescription &description);

} // namespace fpmoe

#endif
