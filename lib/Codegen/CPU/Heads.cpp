//===- Heads.cpp - What a head of q, k or v goes through ------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// `mega.heads` finishes all heads of a token; `mega.qkv`, in Qkv.cpp, does the
// same steps behind its product.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Heads.h"
#include "lib/Codegen/CPU/Norm.h"

using namespace mlir;
using namespace fpmoe;

/// The largest power of two, up to the lanes of a vector, that divides `count`.
static int64_t commonWidth(int64_t count) {
  int64_t width = 1;
  while (width < kLanes && count % (2 * width) == 0)
    width *= 2;
  return width;
}

static Type vectorType(KernelBuilder &b, int64_t width) {
  return width == 1 ? Type(b.getF32Type())
                    : VectorType::get({width}, b.getF32Type());
}

void fpmoe::emitHeadNorm(KernelBuilder &b, Value head, int64_t headDim,
                         Value weight, double eps) {
  int64_t padded = mega::padColumns(headDim);
  Value inverse = b.splat(emitInverseRms(b, head, padded, headDim, eps));
  // Weights lie at multiples of 64 bytes, with zeros between them.
  b.loop(b.i64(0), b.i64(padded * 4), kLanes * 4, [&](Value offset) {
    Value to = b.at(head, offset);
    b.store(b.fmul(b.fmul(b.loadLanes(to), inverse),
                   b.loadLanes(b.at(weight, offset))),
            to);
  });
}

void fpmoe::emitClamp(KernelBuilder &b, Value head, int64_t headDim,
                      double limit) {
  b.loop(b.i64(0), b.i64(mega::padColumns(headDim) * 4), kLanes * 4,
         [&](Value offset) {
           Value to = b.at(head, offset);
           Value x = b.fmax(b.loadLanes(to), b.f32Splat(-limit));
           b.store(arith::MinimumFOp::create(b, x, b.f32Splat(limit)), to);
         });
}

void fpmoe::emitRope(KernelBuilder &b, Value head, Value table, int64_t headDim,
                     int64_t width) {
  int64_t half = width / 2, step = commonWidth(half);
  Type type = vectorType(b, step);
  Value row = b.at(head, (headDim - width) * 4);
  b.loop(b.i64(0), b.i64(half), step, [&](Value i) {
    Value low = b.at(row, b.mul(i, 4)), high = b.at(low, half * 4);
    Value cosine = b.at(table, b.mul(i, 4)), sine = b.at(cosine, half * 4);
    Value x0 = b.load(type, low), x1 = b.load(type, high);
    Value c = b.load(type, cosine), s = b.load(type, sine);
    b.store(b.fsub(b.fmul(x0, c), b.fmul(x1, s)), low);
    b.store(b.fadd(b.fmul(x1, c), b.fmul(x0, s)), high);
  });
}

void fpmoe::emitCopy(KernelBuilder &b, Value from, Value to, int64_t count) {
  int64_t width = commonWidth(count);
  Type type = vectorType(b, width);
  b.loop(b.i64(0), b.i64(count * 4), width * 4, [&](Value offset) {
    b.store(b.load(type, b.at(from, offset)), b.at(to, offset));
  });
}

void HeadStore::storeQuery(Value row, Value head, Value token) {
  Value place = b.mul(b.add(b.mul(token, heads), head), padded * 4);
  emitCopy(b, row, b.at(query, place), padded);
}

void HeadStore::storeKey(Value row, Value head, Value token) {
  cache.storeKey(row, phase.pagesOf(token), head,
                 phase.element(positions, token));
}

void HeadStore::storeValue(Value row, Value head, Value token) {
  // Behind the token comes none, or one of another sequence.
  Value next = b.add(token, 1), pages = phase.pagesOf(token);
  Value isEnd = b.equal(next, phase.count);
  Value pagesBehind = phase.pagesOf(b.select(isEnd, token, next));
  Value isOther =
      LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::ne, pagesBehind, pages);
  cache.storeValue(row, pages, head, phase.element(positions, token),
                   arith::OrIOp::create(b, isEnd, isOther));
}

namespace {

class TokenHeads {
public:
  TokenHeads(PhaseContext &phase, mega::HeadsOp op, Value token)
      : phase(phase), op(op), b(phase.b), token(token),
        scratch(phase.base(op.getHead())),
        store(phase, op.getQuery(), op.getCache(), op.getPositions(),
              op.getHeads(), op.getHeadDim()) {}

  void emit() {
    int64_t headDim = op.getHeadDim(), valueDim = op.getValueDim();
    int64_t turned = dim(op.getTable(), 1);
    Value table = b.at(phase.base(op.getTable()), b.mul(token, turned * 4));
    int64_t tailDim = op.getTail() ? turned : 0;
    clear();
    emitHeads(op.getQ(), op.getQNorm(), 0, op.getHeads(), headDim,
              [&](Value head) {
                emitRope(b, scratch, table, headDim, turned);
                store.storeQuery(scratch, head, token);
              });
    emitHeads(op.getK(), op.getKNorm(), 1, op.getKvHeads(), headDim - tailDim,
              [&](Value head) {
                if (tailDim)
                  emitCopy(b, rowOf(op.getTail()),
                           b.at(scratch, (headDim - tailDim) * 4), tailDim);
                emitRope(b, scratch, table, headDim, turned);
                store.storeKey(scratch, head, token);
              });
    clear();
    emitHeads(op.getV(), {}, 2, op.getKvHeads(), valueDim,
              [&](Value head) { store.storeValue(scratch, head, token); });
  }

private:
  /// What lies past the end of a head must be zero.
  void clear() {
    b.loop(b.i64(0), b.i64(dim(op.getHead(), 1) * 4), kLanes * 4,
           [&](Value offset) {
             b.store(b.f32Splat(0.0f), b.at(scratch, offset));
           });
  }

  Value rowOf(Value buffer) {
    return b.at(phase.base(buffer), b.mul(token, dim(buffer, 1) * 4));
  }

  /// Brings every head of a row into scratch, normalised and clipped. `place`
  /// is that of the row's sum among those of other ranks.
  void emitHeads(Value rows, Value norm, int64_t place, int64_t heads,
                 int64_t width, llvm::function_ref<void(Value)> finish) {
    Value row = rowOf(rows);
    bool ofRows = norm && (op.getSquares() || dim(norm, 0) != width);
    double eps = op.getEps() ? op.getEps()->convertToDouble() : 0;
    Value inverse;
    if (ofRows && op.getSquares())
      inverse = emitInverseRms(
          b, b.load(b.getF32Type(), b.at(rowOf(op.getSquares()), place * 4)),
          heads * width * *op.getRanks(), eps);
    else if (ofRows)
      inverse = emitInverseRms(b, row, dim(rows, 1), heads * width, eps);
    b.loop(b.i64(0), b.i64(heads), 1, [&](Value head) {
      Value offset = b.mul(head, width * 4);
      if (ofRows)
        copyNormalised(b.at(row, offset), b.at(phase.weight(norm), offset),
                       inverse, width);
      else
        emitCopy(b, b.at(row, offset), scratch, width);
      if (norm && !ofRows)
        emitHeadNorm(b, scratch, width, phase.weight(norm), eps);
      if (op.getClip())
        emitClamp(b, scratch, width, op.getClip()->convertToDouble());
      finish(head);
    });
  }

  void copyNormalised(Value from, Value weight, Value inverse, int64_t count) {
    int64_t width = commonWidth(count);
    Type type = vectorType(b, width);
    Value factor = inverse;
    if (auto vector = dyn_cast<VectorType>(type))
      factor = mlir::vector::BroadcastOp::create(b, vector, inverse);
    b.loop(b.i64(0), b.i64(count * 4), width * 4, [&](Value offset) {
      b.store(b.fmul(b.fmul(b.load(type, b.at(from, offset)), factor),
                     b.load(type, b.at(weight, offset))),
              b.at(scratch, offset));
    });
  }

  PhaseContext &phase;
  mega::HeadsOp op;
  KernelBuilder &b;
  Value token, scratch;
  HeadStore store;
};

} // namespace

void fpmoe::emit(PhaseContext &phase, mega::HeadsOp op, Tile tile) {
  TokenHeads(phase, op, tile[0]).emit();
}
