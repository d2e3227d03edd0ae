//===- Groups.h - The table of tokens by expert -----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_KERNELS_GROUPS_H
#define FPMOE_LIB_KERNELS_GROUPS_H

#include "lib/Kernels/Phase.h"

namespace fpmoe {

/// A table of 32-bit numbers. With G groups (the routed experts, then the
/// shared one), S slots (blocks) and R rows a block:
///   first  [G + 1]  first slot of each group, and the end of the last one
///   count  [S]      rows of a slot that hold a token
///   token  [S, R]   the tokens
///   weight [S, R]   what the expert's output is multiplied with (f32)
struct GroupTable {
  GroupTable(PhaseContext &phase, mlir::Value groups, int64_t numGroups)
      : first(phase.base(groups)),
        slots((dim(groups, 0) - numGroups - 1) / (1 + 2 * phase.info.rows)),
        count(phase.b.at(first, (numGroups + 1) * 4)),
        token(phase.b.at(count, slots * 4)),
        weight(phase.b.at(token, slots * phase.info.rows * 4)) {}

  mlir::Value first;
  int64_t slots;
  mlir::Value count, token, weight;
};

} // namespace fpmoe

#endif
