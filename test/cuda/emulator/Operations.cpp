//===- Operations.cpp - table of operations ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Operations.h"

#include "llvm/ADT/StringMap.h"

using namespace llvm;
using namespace fpmoe::emulator;

const Operation *fpmoe::emulator::findOperation(StringRef name) {
  static const StringMap<const Operation *> table = [] {
    StringMap<const Operation *> all;
    for (ArrayRef<Operation> some :
         {threadOperations(), warpOperations(), asyncOperations(),
          mbarrierOperations(), mathOperations(), matrixOperations(),
          wgmmaOperations()})
      for (const Operation &operation : some)
        all[operation.name] = &operation;
    return all;
  }();
  return table.lookup(name);
}
