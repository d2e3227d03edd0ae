//===- Scores.cpp - Scores of experts -------------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Scores.h"

#include "lib/Codegen/CPU/Phase.h"

using namespace mlir;
using namespace fpmoe;

Value fpmoe::emitRowDot(KernelBuilder &b, int64_t paddedColumns, Value row,
                        function_ref<Value(Value)> load) {
  Value sum = b.loop(
      b.i64(0), b.i64(paddedColumns * 4), kLanes * 4, {b.f32Splat(0.0f)},
      [&](Value offset, ValueRange s) -> SmallVector<Value> {
        return {b.fma(load(offset), b.loadLanes(b.at(row, offset)), s[0])};
      })[0];
  return b.sumLanes(sum);
}

Value fpmoe::emitLogits(KernelBuilder &b, Value scores, int64_t count,
                        function_ref<Value(Value)> logitOf) {
  return b.loop(b.i64(0), b.i64(count), 1, {b.f32(-INFINITY)},
                [&](Value e, ValueRange m) -> SmallVector<Value> {
                  Value logit = logitOf(e);
                  b.storeF32(logit, scores, e);
                  return {b.fmax(m[0], logit)};
                })[0];
}

Value fpmoe::emitPowers(KernelBuilder &b, Value scores, int64_t count,
                        Value largest) {
  return b.loop(b.i64(0), b.i64(count), 1, {b.f32(0.0f)},
                [&](Value e, ValueRange s) -> SmallVector<Value> {
                  Value power = b.exp(b.fsub(b.loadF32(scores, e), largest));
                  b.storeF32(power, scores, e);
                  return {b.fadd(s[0], power)};
                })[0];
}

void fpmoe::emitSoftmax(KernelBuilder &b, Value scores, int64_t count,
                        function_ref<Value(Value)> logitOf) {
  Value largest = emitLogits(b, scores, count, logitOf);
  Value sum = emitPowers(b, scores, count, largest);
  b.loop(b.i64(0), b.i64(count), 1, [&](Value e) {
    b.storeF32(b.fdiv(b.loadF32(scores, e), sum), scores, e);
  });
}
