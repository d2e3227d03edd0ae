//===- InlineAsm.h - inline assembly of kernels ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The few forms of inline assembly that kernels need: one PTX instruction,
// maybe between braces, its predicate maybe made by a setp before it.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_CUDA_EMULATOR_INLINEASM_H
#define FPMOE_TEST_CUDA_EMULATOR_INLINEASM_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/Support/Error.h"
#include <string>

namespace fpmoe::emulator {

struct AsmOperand {
  bool immediate;
  uint64_t value; // or the number of the call's argument
};

struct AsmInstruction {
  std::string mnemonic;
  llvm::SmallVector<unsigned> results; // numbers of the call's results
  // Sources in the order of the text; a result that an argument is tied to
  // counts as a source too.
  llvm::SmallVector<AsmOperand> sources;
};

llvm::Expected<AsmInstruction> parseAsm(const llvm::InlineAsm &assembly);

} // namespace fpmoe::emulator

#endif
