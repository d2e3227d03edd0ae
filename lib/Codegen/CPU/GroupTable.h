//===- GroupTable.h - The table of tokens by expert -------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CPU_GROUPTABLE_H
#define FPMOE_LIB_CODEGEN_CPU_GROUPTABLE_H

#include "lib/Codegen/CPU/Phase.h"

namespace fpmoe {

/// The parts of the table that `mega.group` makes (mega::GroupTableLayout).
struct GroupTable {
  GroupTable(PhaseContext &phase, mlir::Value groups,
             mega::GroupTableLayout layout)
      : layout(layout), first(phase.base(groups)),
        count(phase.b.at(first, (layout.groups + 1) * 4)),
        token(phase.b.at(count, layout.blocks * 4)),
        weight(phase.b.at(token, layout.blocks * layout.rows * 4)) {}

  mega::GroupTableLayout layout;
  mlir::Value first, count, token, weight;
};

} // namespace fpmoe

#endif
