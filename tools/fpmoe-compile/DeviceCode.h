//===- DeviceCode.h - What a level of GPUs runs -----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TOOLS_FPMOE_COMPILE_DEVICECODE_H
#define FPMOE_TOOLS_FPMOE_COMPILE_DEVICECODE_H

#include "lib/Target/CPU/Describe.h"
#include "tools/fpmoe-compile/Targets.h"

namespace fpmoe {

/// Of the phases behind codegen.
struct DeviceCode {
  std::string ir;                ///< LLVM IR, optimised for the oldest of them
  std::string ptx;               ///< for that and all later ones
  std::vector<CudaImage> images; ///< cubins, then the PTX
  int64_t threads = 0;           ///< of a block
};

/// Whether blocks on all `targets.gpus` have the shared memory that the level
/// needs, whose code is `module`, of the LLVM dialect.
llvm::Error checkSharedMemory(const Targets &targets,
                              const LevelDescription &level,
                              mlir::ModuleOp module);

/// Makes it of a module of the LLVM and NVVM dialects, for `targets.gpus`; for
/// Phase::LLVM, only the IR. Without ptxas there are no cubins, and a note on
/// the error stream says so. It is dumped as options say.
llvm::Expected<DeviceCode> makeDeviceCode(const CompileOptions &options,
                                          const Targets &targets,
                                          mlir::ModuleOp module);

} // namespace fpmoe

#endif
