//===- AttendSpan.cpp - Attention of a token over a span ------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Rows are the heads that share keys and values.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Attention.h"

using namespace mlir;
using namespace fpmoe;

void fpmoe::emit(PhaseContext &phase, mega::AttendSpanOp op, Tile tile) {
  KernelBuilder &b = phase.b;
  int64_t span = op.getSpan(), group = op.getHeads() / op.getKvHeads();
  int64_t columns = mega::padColumns(op.getValueDim());
  int64_t queryBytes = dim(op.getQuery(), 2) * 4;
  int64_t partialBytes = dim(op.getPartial(), 3) * 4;
  Value position = phase.element(op.getPositions(), b.i64(0));
  Value from = emitFirstSeen(b, position, op.getWindow());
  Value start = b.mul(b.add(b.div(from, span), tile[1]), span);
  SpanPositions positions{start, b.max(start, from),
                          b.min(b.add(start, span), b.add(position, 1)),
                          phase.pagesOf(b.i64(0))};
  Value query =
      b.at(phase.base(op.getQuery()), b.mul(tile[0], group * queryBytes));
  Value partial = b.add(b.mul(tile[0], dim(op.getPartial(), 1)), tile[1]);
  partial =
      b.at(phase.base(op.getPartial()), b.mul(partial, group * partialBytes));
  SpanAttention attention(phase, op, tile[0]);
  auto rowAt = [&](Value row, int64_t column) {
    return b.at(b.at(partial, b.mul(row, partialBytes)), column * 4);
  };
  attention.emitFromMemory(
      {query, queryBytes, group, position, /*positionStep=*/0,
       /*first=*/b.i64(0)},
      positions,
      [&](Value row, Value largest, Value sum) {
        b.store(vector::ExtractOp::create(b, largest, 0), rowAt(row, columns));
        b.store(vector::ExtractOp::create(b, sum, 0), rowAt(row, columns + 1));
      },
      [&](Value row, Value vector, Value lanes) {
        b.store(lanes, b.at(rowAt(row, 0), b.mul(vector, kLanes * 4)));
      });
}
