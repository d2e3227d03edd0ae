//===- Pack.h - Panels of packed weights ------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_WEIGHTS_PACK_H
#define FPMOE_LIB_WEIGHTS_PACK_H

#include "dialects/FPMoE/Storage.h"
#include "dialects/Mega/Mega.h"
#include "lib/Weights/Evaluate.h"

#include <vector>

namespace fpmoe {

/// Makes panels of a weight that is packed, some of their depth at a time.
class PanelPacker {
public:
  PanelPacker(PackOp op, const RecipeEvaluator &evaluator)
      : op(op), evaluator(evaluator),
        layout(mlir::cast<mlir::RankedTensorType>(op.getType())) {}

  const mega::PackedLayout &getLayout() const { return layout; }
  /// How much of the depth of a panel pack() takes at most.
  int64_t getBlockDepth() const;

  /// Writes depth [from, to) of a panel, numbered over all matrices, to `out`.
  /// `rows` is memory to work with.
  llvm::Error pack(int64_t layer, int64_t panel, int64_t from, int64_t to,
                   std::vector<float> &rows, uint8_t *out) const;

private:
  /// Depth [from, to) of the rows of a panel of `value`, one after the other.
  template <typename T>
  llvm::Error readRows(mlir::Value value, int64_t layer, int64_t panel,
                       int64_t from, int64_t to, T *rows) const;
  llvm::Error packGroups(const GroupFormat &format, int64_t layer,
                         int64_t panel, int64_t from, int64_t to,
                         std::vector<float> &rows, uint8_t *out) const;

  mutable PackOp op;
  const RecipeEvaluator &evaluator;
  mega::PackedLayout layout;
};

/// Rounds to IEEE half; fails where a number of the weight is too large for it.
llvm::Error storeF16(llvm::ArrayRef<float> from, uint16_t *to,
                     llvm::StringRef weight);

} // namespace fpmoe

#endif
