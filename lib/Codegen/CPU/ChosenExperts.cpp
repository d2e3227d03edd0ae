//===- ChosenExperts.cpp - The experts of one token -----------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/ChosenExperts.h"

using namespace mlir;
using namespace fpmoe;

void fpmoe::emitInOrder(PhaseContext &phase, Value experts, int64_t topK,
                        function_ref<void(Value, Value)> body) {
  KernelBuilder &b = phase.b;
  Value chosen = phase.base(experts);
  b.loop(b.i64(0), b.i64(topK), 1, {b.i64(-1)},
         [&](Value, ValueRange last) -> SmallVector<Value> {
           // The next one in order, and its place; a large number is none.
           Value none = b.i64(INT32_MAX);
           SmallVector<Value> next =
               b.loop(b.i64(0), b.i64(topK), 1, {none, b.i64(0)},
                      [&](Value slot, ValueRange best) -> SmallVector<Value> {
                        Value expert = b.loadIndex(chosen, slot);
                        Value better =
                            arith::AndIOp::create(b, b.less(last[0], expert),
                                                  b.less(expert, best[0]));
                        return {b.select(better, expert, best[0]),
                                b.select(better, slot, best[1])};
                      });
           b.ifThen(b.less(next[0], none), [&] { body(next[0], next[1]); });
           return {next[0]};
         });
}
