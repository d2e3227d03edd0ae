//===- Frame.h - one evaluation of a graph ----------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_REFERENCE_FRAME_H
#define FPMOE_LIB_REFERENCE_FRAME_H

#include "lib/Reference/Interpreter.h"
#include "lib/Reference/Ops.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <variant>

namespace fpmoe {

/// The values of a function that runs.
class Interpreter::Frame {
public:
  /// `layer` is the number of the layer whose body runs, or -1 in `@main`.
  Frame(Interpreter &owner, const Ids &positions, SegmentMode mode,
        int64_t layer)
      : owner(owner), store(owner.store), positions(positions), mode(mode),
        layer(layer) {}

  llvm::Expected<Rows> runMain(mlir::func::FuncOp function, const Ids &ids);
  llvm::Expected<Rows> runBody(mlir::func::FuncOp function, Rows x);

private:
  using Binding = std::variant<std::monostate, Rows, Ids, Matrix<int32_t>,
                               WeightRef, int64_t>;

  llvm::Expected<Rows> runBlock(mlir::Block &block);
  template <typename... Ops> llvm::Expected<bool> dispatch(mlir::Operation *op);

  const Rows &rows(mlir::Value value) {
    return std::get<Rows>(bindings[value]);
  }
  const Ids &ids(mlir::Value value) { return std::get<Ids>(bindings[value]); }
  const WeightRef &weight(mlir::Value value) {
    return std::get<WeightRef>(bindings[value]);
  }
  /// Null where an optional operand is absent.
  const WeightRef *optionalWeight(mlir::Value value) {
    return value ? &weight(value) : nullptr;
  }
  /// Absent where an optional operand is.
  std::optional<LowRank> lowRank(mlir::Value value,
                                 std::optional<llvm::ArrayRef<int64_t>> ranks) {
    if (!value)
      return std::nullopt;
    return LowRank{weight(value), *ranks, owner.runLanguages};
  }
  /// Keeps a result, or passes its error on.
  llvm::Error set(mlir::Value value, llvm::Expected<Rows> result) {
    if (!result)
      return result.takeError();
    bindings[value] = std::move(*result);
    return llvm::Error::success();
  }
  /// What heads go through; absent steps are null.
  struct HeadSteps {
    const WeightRef *norm;
    std::optional<llvm::APFloat> eps, clip;
    const WeightRef *table;
    int64_t headDim;
  };
  llvm::Expected<Rows> attendTexts(AttentionOp op, const AttentionShape &shape);
  llvm::Expected<Rows> turnHeads(Rows x, const HeadSteps &steps);
  void record(const Routes &routes);

  llvm::Error visit(GetOp op);
  llvm::Error visit(LayersOp op);
  llvm::Error visit(EmbeddingOp op);
  llvm::Error visit(RmsNormOp op);
  llvm::Error visit(LinearOp op);
  llvm::Error visit(RopeOp op);
  llvm::Error visit(ExtendHeadsOp op);
  llvm::Error visit(ClampOp op);
  llvm::Error visit(ScaleOp op);
  llvm::Error visit(AttentionOp op);
  llvm::Error visit(AddOp op);
  llvm::Error visit(RouteOp op);
  llvm::Error visit(ExpertsOp op);
  llvm::Error visit(MlpOp op);
  llvm::Error visit(HeadsOp op);
  llvm::Error visit(QkvOp op);
  llvm::Error visit(MoeOp op);

  Interpreter &owner;
  WeightStore &store;
  const Ids &positions;
  SegmentMode mode;
  int64_t layer;
  llvm::DenseMap<mlir::Value, Binding> bindings;
};

} // namespace fpmoe

#endif // FPMOE_LIB_REFERENCE_FRAME_H
