//===- Ptx.h - Code for GPUs, as LLVM IR and PTX ----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_TARGET_CUDA_PTX_H
#define FPMOE_LIB_TARGET_CUDA_PTX_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"

#include <string>

namespace fpmoe {

/// Threads of a block of both kernels, as they say by nvvm.reqntid or
/// nvvm.maxntid; 256 where they say nothing.
llvm::Expected<int64_t> getBlockThreads(mlir::ModuleOp module);

/// Translates a module of the LLVM and NVVM dialects for the architecture, such
/// as "sm_80", and optimises it. Only kernels can be seen from outside.
llvm::Expected<std::unique_ptr<llvm::Module>>
translateKernels(mlir::ModuleOp module, llvm::StringRef arch,
                 llvm::LLVMContext &context);

/// The PTX of such a module, without a final zero. The module is changed.
llvm::Expected<std::string> emitPtx(llvm::Module &module, llvm::StringRef arch);

} // namespace fpmoe

#endif
