//===- Route.cpp - Norm, router and shared gate of tokens -----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Everything is f32 until the normalised row is stored as an operand.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Norm.h"
#include "lib/Codegen/CPU/RouteRule.h"
#include "lib/Codegen/CPU/Scores.h"

using namespace mlir;
using namespace fpmoe;

namespace {

class RouteToken {
public:
  RouteToken(PhaseContext &phase, mega::RouteOp op, Value token)
      : phase(phase), op(op), b(phase.b), token(token),
        padded(dim(op.getX(), 1)),
        x(b.at(phase.base(op.getX()), b.mul(token, padded * 4))),
        norm(phase.weight(op.getNorm())),
        inverse(b.splat(emitInverseRms(b, x, padded, dim(op.getNorm(), 0),
                                       op.getEps().convertToDouble()))) {}

  void emit() {
    storeRow();
    Value shared = b.f32(1.0f);
    if (op.getScale())
      shared = b.sigmoid(dot(phase.weight(op.getScale())));
    Value router = op.getRouter() ? phase.weight(op.getRouter()) : Value();
    emitRouteRule(phase, op, token, shared, [&](Value, Value row) {
      return dot(b.at(router, b.mul(row, dim(op.getRouter(), 1) * 4)));
    });
  }

private:
  Value normed(Value offset) {
    return b.fmul(b.fmul(b.loadLanes(b.at(x, offset)), inverse),
                  b.loadLanes(b.at(norm, offset)));
  }

  void storeRow() {
    OperandBlock row = phase.block(op.getRows(), token);
    b.loop(0, padded, kLanes, [&](Value column) {
      row.store(normed(b.mul(column, 4)), b.i64(0), column);
    });
  }

  /// The normalised row times a row of weights.
  Value dot(Value row) {
    return emitRowDot(b, padded, row,
                      [&](Value offset) { return normed(offset); });
  }

  PhaseContext &phase;
  mega::RouteOp op;
  KernelBuilder &b;
  Value token;
  int64_t padded;
  Value x, norm, inverse;
};

} // namespace

void fpmoe::emit(PhaseContext &phase, mega::RouteOp op, Tile tile) {
  auto [first, last] = emitTokensOf(phase, op, tile);
  phase.b.loop(first, last, 1,
               [&](Value token) { RouteToken(phase, op, token).emit(); });
}
