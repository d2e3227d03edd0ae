//===- Heads.cpp - What a head of q, k or v goes through ------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// `mega.heads` finishes all heads of a token; `mega.qkv`, in Qkv.cpp, does the
// same steps behind its product.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Heads.h"
#include "lib/Codegen/CUDA/Emit.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

void cuda::emitHeadNorm(BlockContext &block, Value head, int64_t headDim,
                        Value weight, double eps) {
  KernelBuilder &b = block.b;
  int64_t padded = mega::padColumns(headDim);
  Value inverse = block.inverseRmsOfWarp(head, padded, headDim, eps);
  // Weights lie at multiples of 64 bytes, with zeros between them.
  block.forLanes(padded, [&](Value i) {
    b.storeF32(
        b.fmul(b.fmul(b.loadF32(head, i), inverse), b.loadF32(weight, i)), head,
        i);
  });
  block.syncWarp();
}

Value cuda::emitClamped(KernelBuilder &b, Value x, double limit) {
  return arith::MinNumFOp::create(b, b.fmax(x, b.f32(-limit)), b.f32(limit));
}

void cuda::emitClamp(BlockContext &block, Value head, int64_t headDim,
                     double limit) {
  KernelBuilder &b = block.b;
  block.forLanes(mega::padColumns(headDim), [&](Value i) {
    b.storeF32(emitClamped(b, b.loadF32(head, i), limit), head, i);
  });
  block.syncWarp();
}

std::pair<Value, Value> cuda::emitTurn(KernelBuilder &b, Value x0, Value x1,
                                       Value table, Value column,
                                       int64_t half) {
  Value c = b.loadF32(table, column), s = b.loadF32(table, b.add(column, half));
  return {b.fsub(b.fmul(x0, c), b.fmul(x1, s)),
          b.fadd(b.fmul(x1, c), b.fmul(x0, s))};
}

void cuda::emitRope(BlockContext &block, Value head, Value table,
                    int64_t headDim, int64_t width) {
  KernelBuilder &b = block.b;
  int64_t half = width / 2;
  Value row = b.at(head, (headDim - width) * 4);
  block.forLanes(half, [&](Value i) {
    Value j = b.add(i, half);
    auto [y0, y1] =
        emitTurn(b, b.loadF32(row, i), b.loadF32(row, j), table, i, half);
    b.storeF32(y0, row, i);
    b.storeF32(y1, row, j);
  });
  block.syncWarp();
}

HeadStore::HeadStore(BlockContext &block, Value query, Value cache,
                     Value positions, int64_t heads, int64_t headDim)
    : block(block), b(block.b), query(block.base(query)), positions(positions),
      heads(heads), headDim(headDim), padded(mega::padColumns(headDim)),
      cache(block, cache, headDim) {}

void HeadStore::storeElement(Value element, Value to) {
  if (cache.depth == 1)
    return b.store(element, to);
  Value narrow = arith::TruncFOp::create(b, b.getBF16Type(), element);
  b.store(narrow, to, /*align=*/2);
}

Value HeadStore::queryAt(Value head, Value token) {
  Value place = b.mul(b.add(b.mul(token, heads), head), padded * 4);
  return b.at(query, place);
}
Value HeadStore::keyAt(Value head, Value token) {
  return cache.key(block.pagesOf(token), head, block.element(positions, token));
}
Value HeadStore::valueAt(Value head, Value token) {
  return cache.value(block.pagesOf(token), head,
                     block.element(positions, token));
}

void HeadStore::storeKeyElement(Value x, Value key, Value column) {
  int64_t depth = cache.depth;
  Value offset = b.add(b.mul(b.div(column, depth), CacheLayout::kKeyStepBytes),
                       b.mul(b.rem(column, depth), 4 / depth));
  storeElement(x, b.at(key, offset));
}
void HeadStore::storeValueElement(Value x, Value value, Value column) {
  storeElement(x, b.at(value, b.mul(column, 4)));
}

void HeadStore::storeQuery(Value row, Value head, Value token) {
  Value to = queryAt(head, token);
  block.forLanes(padded,
                 [&](Value i) { b.storeF32(b.loadF32(row, i), to, i); });
}

void HeadStore::storeKey(Value row, Value head, Value token) {
  Value to = keyAt(head, token);
  block.forLanes(cache.keySteps() * cache.depth,
                 [&](Value i) { storeKeyElement(b.loadF32(row, i), to, i); });
}

void HeadStore::storeValue(Value row, Value head, Value token) {
  Value to = valueAt(head, token);
  block.forLanes(cache.valueVectors() * kLanes,
                 [&](Value i) { storeValueElement(b.loadF32(row, i), to, i); });
}

namespace {

class TokenHeads {
public:
  TokenHeads(BlockContext &block, mega::HeadsOp op, Value token)
      : block(block), op(op), b(block.b), token(token),
        scratch(block.base(op.getHead())),
        store(block, op.getQuery(), op.getCache(), op.getPositions(),
              op.getHeads(), op.getHeadDim()) {}

  void emit() {
    int64_t headDim = op.getHeadDim(), valueDim = op.getValueDim();
    int64_t turned = dim(op.getTable(), 1);
    Value table = b.at(block.base(op.getTable()), b.mul(token, turned * 4));
    int64_t tailDim = op.getTail() ? turned : 0;
    clear();
    emitHeads(op.getQ(), op.getQNorm(), 0, op.getHeads(), headDim,
              [&](Value head) {
                emitRope(block, scratch, table, headDim, turned);
                store.storeQuery(scratch, head, token);
              });
    emitHeads(op.getK(), op.getKNorm(), 1, op.getKvHeads(), headDim - tailDim,
              [&](Value head) {
                if (tailDim)
                  copy(rowOf(op.getTail()),
                       b.at(scratch, (headDim - tailDim) * 4), tailDim);
                emitRope(block, scratch, table, headDim, turned);
                store.storeKey(scratch, head, token);
              });
    clear();
    emitHeads(op.getV(), {}, 2, op.getKvHeads(), valueDim,
              [&](Value head) { store.storeValue(scratch, head, token); });
  }

private:
  /// What lies past the end of a head must be zero.
  void clear() {
    block.forLanes(dim(op.getHead(), 1),
                   [&](Value i) { b.storeF32(b.f32(0.0f), scratch, i); });
    block.syncWarp();
  }

  void copy(Value from, Value to, int64_t count) {
    block.forLanes(count,
                   [&](Value i) { b.storeF32(b.loadF32(from, i), to, i); });
    block.syncWarp();
  }

  Value rowOf(Value buffer) {
    return b.at(block.base(buffer), b.mul(token, dim(buffer, 1) * 4));
  }

  /// Brings every head of a row into scratch, normalised and clipped. `place`
  /// is that of the row's sum among those of other ranks.
  void emitHeads(Value rows, Value norm, int64_t place, int64_t heads,
                 int64_t width, function_ref<void(Value)> finish) {
    Value row = rowOf(rows);
    bool ofRows = norm && (op.getSquares() || dim(norm, 0) != width);
    double eps = op.getEps() ? op.getEps()->convertToDouble() : 0;
    Value inverse;
    if (ofRows && op.getSquares())
      inverse =
          block.inverseRoot(b.loadF32(rowOf(op.getSquares()), b.i64(place)),
                            heads * width * *op.getRanks(), eps);
    else if (ofRows)
      inverse = block.inverseRmsOfWarp(row, dim(rows, 1), heads * width, eps);
    b.loop(b.i64(0), b.i64(heads), 1, [&](Value head) {
      Value from = b.at(row, b.mul(head, width * 4));
      if (ofRows) {
        Value weight = b.at(block.weight(norm), b.mul(head, width * 4));
        block.forLanes(width, [&](Value i) {
          b.storeF32(
              b.fmul(b.fmul(b.loadF32(from, i), inverse), b.loadF32(weight, i)),
              scratch, i);
        });
        block.syncWarp();
      } else {
        copy(from, scratch, width);
      }
      if (norm && !ofRows)
        emitHeadNorm(block, scratch, width, block.weight(norm), eps);
      if (op.getClip())
        emitClamp(block, scratch, width, op.getClip()->convertToDouble());
      finish(head);
      // The next head takes its place.
      block.syncWarp();
    });
  }

  BlockContext &block;
  mega::HeadsOp op;
  KernelBuilder &b;
  Value token, scratch;
  HeadStore store;
};

} // namespace

void cuda::emit(BlockContext &block, mega::HeadsOp op, Tile tile) {
  // There is scratch for one head.
  block.b.ifThen(block.b.equal(block.warp, block.b.i64(0)),
                 [&] { TokenHeads(block, op, tile[0]).emit(); });
}
