//===- WeightStore.cpp - weights for the reference --------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// First come, first kept: the same weights are used in every run, in the same
// order, so that dropping some for others would only cost time.
//
//===----------------------------------------------------------------------===//

#include "lib/Reference/WeightStore.h"

using namespace llvm;

namespace fpmoe {

/// Elements of a block of rows of a weight that is not kept.
static constexpr int64_t blockElements = int64_t(1) << 20;

Error WeightStore::forEachBlock(
    const WeightRef &ref, int64_t first, int64_t count,
    function_ref<void(int64_t, ArrayRef<float>)> use) {
  WeightOp weight = ref.weight;
  mlir::Value value = weight.getResultValue();
  int64_t columns = ref.columns();
  auto found = kept.find({weight, ref.layer});
  uint64_t bytes = ref.type.getNumElements() * sizeof(float);
  if (found == kept.end() && bytes <= budget) {
    std::vector<float> elements(ref.type.getNumElements());
    if (Error e = evaluator.evaluate(value, ref.layer, 0,
                                     MutableArrayRef<float>(elements)))
      return e;
    budget -= bytes;
    found = kept.emplace(Key(weight, ref.layer), std::move(elements)).first;
  }
  if (found != kept.end()) {
    use(first, ArrayRef(found->second).slice(first * columns, count * columns));
    return Error::success();
  }
  int64_t step = std::max<int64_t>(blockElements / columns, 1);
  std::vector<float> block;
  for (int64_t row = first; row < first + count; row += step) {
    block.resize(std::min(step, first + count - row) * columns);
    if (Error e = evaluator.evaluate(value, ref.layer, row * columns,
                                     MutableArrayRef<float>(block)))
      return e;
    use(row, block);
  }
  return Error::success();
}

Expected<std::vector<float>> WeightStore::getAll(const WeightRef &ref) {
  std::vector<float> all;
  int64_t rows = ref.type.getNumElements() / ref.columns();
  if (Error e = forEachBlock(ref, 0, rows, [&](int64_t, ArrayRef<float> block) {
        all.insert(all.end(), block.begin(), block.end());
      }))
    return e;
  return all;
}

} // namespace fpmoe
