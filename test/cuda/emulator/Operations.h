//===- Operations.h - table of operations ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the emulator can do beside memory and arithmetic: a table from names of
// intrinsics, without "llvm.nvvm." and without the suffixes of overloads, and
// of PTX instructions in inline assembly, with "asm." before them, to handlers.
// What is in no table is refused by name.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_CUDA_EMULATOR_OPERATIONS_H
#define FPMOE_TEST_CUDA_EMULATOR_OPERATIONS_H

#include "Site.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace fpmoe::emulator {

struct Operation {
  llvm::StringRef name;
  Handler handler;
  uint64_t parameter = 0;
  unsigned minSm = 0;
  unsigned onlySm = 0; // of those whose code runs on no later GPU: 90 for 90a
};

const Operation *findOperation(llvm::StringRef name);

llvm::ArrayRef<Operation> threadOperations();
llvm::ArrayRef<Operation> warpOperations();
llvm::ArrayRef<Operation> asyncOperations();
llvm::ArrayRef<Operation> mbarrierOperations();
llvm::ArrayRef<Operation> mathOperations();
llvm::ArrayRef<Operation> matrixOperations();
llvm::ArrayRef<Operation> wgmmaOperations();

inline float asFloat(uint64_t bits) {
  uint32_t low = bits;
  float value;
  __builtin_memcpy(&value, &low, 4);
  return value;
}
inline uint64_t asBits(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, 4);
  return bits;
}

} // namespace fpmoe::emulator

#endif
