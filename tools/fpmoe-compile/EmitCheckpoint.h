//===- EmitCheckpoint.h - An assembled model as a directory -----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TOOLS_FPMOE_COMPILE_EMITCHECKPOINT_H
#define FPMOE_TOOLS_FPMOE_COMPILE_EMITCHECKPOINT_H

#include "lib/Assembly/Assembly.h"
#include "lib/Weights/Sources.h"

namespace fpmoe {

/// Writes a Hugging Face directory: config.json, safetensors files of at most
/// `shardBytes`, and the tokenizer of the base. After a failure nothing is there
/// that was not before.
llvm::Error emitCheckpoint(const Assembly &assembly, mlir::ModuleOp tensors,
                           const Sources &sources, llvm::StringRef directory,
                           uint64_t shardBytes);

/// Whether such a directory can be written: it must not exist or be empty.
llvm::Error checkCheckpointDirectory(llvm::StringRef directory);

} // namespace fpmoe

#endif
