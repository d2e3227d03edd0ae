//===- Cache.cpp - what evaluations of recipes share ------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A selection is made under a lock of its own, since it takes long; a matrix is
// made without one, twice if two threads ask at once.
//
//===----------------------------------------------------------------------===//

#include "lib/Weights/Cache.h"

using namespace llvm;

namespace fpmoe {

Expected<Selection>
RecipeCache::select(mlir::Operation *op, int64_t operand, int64_t layer,
                    function_ref<Expected<Selection>()> make) {
  std::shared_ptr<SelectionEntry> entry;
  {
    std::lock_guard<std::mutex> lock(mutex);
    auto &slot = selections[Key(op, operand, layer)];
    if (!slot)
      slot = std::make_shared<SelectionEntry>();
    entry = slot;
  }
  std::lock_guard<std::mutex> lock(entry->mutex);
  if (!entry->isMade) {
    Expected<Selection> made = make();
    if (!made)
      return made.takeError();
    entry->selection = *made;
    entry->isMade = true;
  }
  return entry->selection;
}

Expected<RecipeCache::Matrix>
RecipeCache::matrix(mlir::Value value, int64_t index, int64_t layer,
                    int64_t elements,
                    function_ref<Error(MutableArrayRef<float>)> make) {
  Key key(value.getAsOpaquePointer(), index, layer);
  {
    std::lock_guard<std::mutex> lock(mutex);
    auto found = matrices.find(key);
    if (found != matrices.end()) {
      found->second.lastUse = ++uses;
      return found->second.matrix;
    }
  }
  auto made = std::make_shared<std::vector<float>>(elements);
  if (Error e = make(*made))
    return std::move(e);
  size_t size = elements * sizeof(float);
  std::lock_guard<std::mutex> lock(mutex);
  if (matrices.count(key))
    return Matrix(made);
  while (!matrices.empty() && bytes + size > maxBytes) {
    auto oldest = matrices.begin();
    for (auto it = matrices.begin(); it != matrices.end(); ++it)
      if (it->second.lastUse < oldest->second.lastUse)
        oldest = it;
    bytes -= oldest->second.matrix->size() * sizeof(float);
    matrices.erase(oldest);
  }
  matrices[key] = {made, ++uses};
  bytes += size;
  return Matrix(made);
}

} // namespace fpmoe
