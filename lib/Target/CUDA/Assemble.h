//===- Assemble.h - From PTX to cubins --------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_TARGET_CUDA_ASSEMBLE_H
#define FPMOE_LIB_TARGET_CUDA_ASSEMBLE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <optional>
#include <string>

namespace fpmoe {

/// Where NVIDIA's assembler is: in the PATH, or in bin of CUDA_HOME, which is
/// /usr/local/cuda unless the environment says otherwise.
std::optional<std::string> findPtxas();

/// The cubin for one architecture. The error has what ptxas says.
llvm::Expected<std::string>
assemblePtx(llvm::StringRef ptxas, llvm::StringRef ptx, llvm::StringRef arch);

} // namespace fpmoe

#endif
