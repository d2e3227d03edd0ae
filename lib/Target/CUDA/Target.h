//===- Target.h - The level of GPUs -----------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_TARGET_CUDA_TARGET_H
#define FPMOE_LIB_TARGET_CUDA_TARGET_H

#include "lib/Target/CPU/Target.h"

namespace fpmoe {

/// The level "cuda" of NVIDIA's GPUs, for a program whose other levels ask for
/// `host` at least, or one of its architecture. Its panels are as wide.
CpuTarget getCudaTarget(const CpuTarget &host);

/// The architectures of a list such as "sm_80,sm_90a", each once, the oldest
/// one first.
llvm::Expected<std::vector<std::string>> getGpuArchs(llvm::StringRef names);

/// Those that getGpuArchs knows, for messages: "sm_80, sm_86, ...".
std::string listGpuArchs();

/// Most bytes of shared memory that a block has on one of them.
int64_t getSharedMemory(llvm::StringRef arch);

/// What PTX is made for that has to run on this architecture and on all later
/// ones: "sm_90" for "sm_90a", whose own instructions no other one has.
llvm::StringRef getForwardArch(llvm::StringRef arch);

} // namespace fpmoe

#endif
