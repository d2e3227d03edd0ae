//===- Phase.cpp - What the code of a phase has at hand -------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Phase.h"

using namespace mlir;
using namespace fpmoe;

// The code that is emitted reads these fields as 64-bit or 32-bit integers.
static_assert(offsetof(FpmoeStep, tokens) == 0 &&
                  offsetof(FpmoeStep, count) == 8 &&
                  offsetof(FpmoeStep, position) == 16 &&
                  offsetof(FpmoeStep, logits_from) == 24 &&
                  offsetof(FpmoeStep, logits) == 32 &&
                  offsetof(FpmoeStep, weights) == 40 &&
                  offsetof(FpmoeStep, cache) == 48 &&
                  offsetof(FpmoeStep, cache_capacity) == 56 &&
                  offsetof(FpmoeStep, shared) == 64 &&
                  offsetof(FpmoeStep, tickets) == 72 &&
                  offsetof(FpmoeStep, routes) == 80 &&
                  offsetof(FpmoeStep, team) == 88 &&
                  offsetof(FpmoeStep, workers) == 96 &&
                  offsetof(FpmoeStep, language) == 100 &&
                  offsetof(FpmoeStep, languages) == 104 &&
                  offsetof(FpmoeStep, segments) == 112,
              "the layout of FpmoeStep changed: bump FPMOE_ABI_VERSION");

Value PhaseContext::base(Value buffer) {
  switch (mega::getSpace(buffer)) {
  case mega::BufferSpace::Cache:
    return pointerField(offsetof(FpmoeStep, cache));
  case mega::BufferSpace::Logits:
    return pointerField(offsetof(FpmoeStep, logits));
  case mega::BufferSpace::Shared:
    return b.at(pointerField(offsetof(FpmoeStep, shared)),
                b.i64(info.bufferOffsets.lookup(buffer)));
  case mega::BufferSpace::Private:
    return b.at(scratch, b.i64(info.bufferOffsets.lookup(buffer)));
  }
  llvm_unreachable("unknown buffer space");
}

Value PhaseContext::weight(Value megaWeight) {
  auto use = megaWeight.getDefiningOp<mega::WeightOp>();
  WeightOp symbol = info.weights.lookup(use.getWeightAttr().getAttr());
  Value offset = b.i64(*symbol.getOffset());
  if (use.getLayer())
    offset = b.add(offset, b.mul(ordinal, *symbol.getStride()));
  return b.at(pointerField(offsetof(FpmoeStep, weights)), offset);
}

DotRows PhaseContext::rowsOfBlock(Value operand, Value block, int64_t steps) {
  return getRows(operand,
                 b.at(base(operand), b.mul(block, blockBytes(operand))), steps);
}

int64_t PhaseContext::blockBytes(Value operand) {
  if (cast<MemRefType>(operand.getType()).getRank() == 2)
    return 0; // one row
  return dim(operand, 1) * dim(operand, 2) * kStepBytes;
}

void PhaseContext::withPanels(Value first, Value last, int64_t unit,
                              bool canBeLeft,
                              function_ref<void(Value, int64_t)> emit) {
  Value whole = canBeLeft ? b.sub(last, b.rem(b.sub(last, first), unit)) : last;
  b.loop(first, whole, unit, [&](Value panel) { emit(panel, unit); });
  if (canBeLeft)
    b.loop(whole, last, 1, [&](Value panel) { emit(panel, 1); });
}

void PhaseContext::withRows(Value n, int64_t maxRows,
                            function_ref<void(int64_t)> emit) {
  SmallVector<int64_t> sizes;
  for (int64_t size : {1, 2, 4, 8, 16})
    if (size < maxRows)
      sizes.push_back(size);
  auto next = [&](auto &self, size_t i) -> void {
    if (i == sizes.size())
      return emit(maxRows);
    b.ifThen(
        b.less(n, b.i64(sizes[i] + 1)), [&] { emit(sizes[i]); },
        [&] { self(self, i + 1); });
  };
  next(next, 0);
}
