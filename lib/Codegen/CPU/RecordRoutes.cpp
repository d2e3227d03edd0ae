//===- RecordRoutes.cpp - Tells which experts were chosen -----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Phase.h"

using namespace mlir;
using namespace fpmoe;

void fpmoe::emit(PhaseContext &phase, mega::RecordRoutesOp op, Tile tile) {
  KernelBuilder &b = phase.b;
  int64_t columns = op.getColumns();
  int64_t taken = op.getExperts() ? dim(op.getExperts(), 1) : 0;
  Value routes = phase.base(op.getRoutes());
  b.ifThen(
      isNull(b, routes), [] {},
      [&] {
        Value row = b.add(b.mul(phase.layer, op.getMaxTokens()), tile[0]);
        Value to = b.at(routes, b.mul(row, columns * 4));
        int64_t known = std::min(columns, taken);
        if (known) {
          Value from =
              b.at(phase.base(op.getExperts()), b.mul(tile[0], taken * 4));
          b.loop(0, known, 1,
                 [&](Value i) { b.storeIndex(b.loadIndex(from, i), to, i); });
        }
        b.loop(known, columns, 1,
               [&](Value i) { b.storeIndex(b.i64(-1), to, i); });
      });
}
