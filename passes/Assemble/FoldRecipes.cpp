//===- FoldRecipes.cpp - recipes in their shortest form -------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Patterns that shorten recipes. Each of them keeps every bit of the weight.
//
//===----------------------------------------------------------------------===//

#include "dialects/FPMoE/Storage.h"
#include "passes/Assemble/Passes.h"
#include "passes/Assemble/Recipes.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace fpmoe {

#define GEN_PASS_DEF_FOLDRECIPES
#include "passes/Assemble/Passes.h.inc"

namespace {
RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// select(select(x)) is one select of x.
struct SelectOfSelect : OpRewritePattern<SelectOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SelectOp op,
                                PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<SelectOp>();
    if (!inner)
      return failure();
    SmallVector<int64_t> indices;
    for (int64_t index : op.getIndices())
      indices.push_back(inner.getIndices()[index]);
    rewriter.replaceOpWithNewOp<SelectOp>(op, op.getType(), inner.getInput(),
                                          indices);
    return success();
  }
};

/// A select of a load becomes a stack of loads of the single entries. Only a
/// load without `at` says where its first dimension lies in the checkpoint.
struct SelectOfLoad : OpRewritePattern<SelectOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SelectOp op,
                                PatternRewriter &rewriter) const override {
    auto load = op.getInput().getDefiningOp<LoadOp>();
    if (!load || load.getAt())
      return failure();
    RankedTensorType type = typeOf(op);
    auto entry = type.clone(type.getShape().drop_front());
    SmallVector<Value> entries;
    for (int64_t index : op.getIndices())
      entries.push_back(LoadOp::create(
          rewriter, load.getLoc(), entry, load.getNameAttr(), load.getLayer(),
          rewriter.getDenseI64ArrayAttr(index), load.getPartAttr()));
    rewriter.replaceOpWithNewOp<StackOp>(op, type, entries);
    return success();
  }
};

/// slice(slice(x)) is one slice of x.
struct SliceOfSlice : OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SliceOp op,
                                PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<SliceOp>();
    if (!inner)
      return failure();
    rewriter.replaceOpWithNewOp<SliceOp>(op, op.getType(), inner.getInput(),
                                         inner.getFirst() + op.getFirst());
    return success();
  }
};

/// A slice of a stack of matrices is a stack of slices.
struct SliceOfStack : OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SliceOp op,
                                PatternRewriter &rewriter) const override {
    auto stack = op.getInput().getDefiningOp<StackOp>();
    RankedTensorType type = typeOf(op);
    if (!stack || type.getRank() < 3)
      return failure();
    auto entry = type.clone(type.getShape().drop_front());
    SmallVector<Value> slices;
    for (Value input : stack.getInputs())
      slices.push_back(SliceOp::create(rewriter, op.getLoc(), entry, input,
                                       op.getFirstAttr()));
    rewriter.replaceOpWithNewOp<StackOp>(op, type, slices);
    return success();
  }
};

/// A slice of a loaded matrix loads the rows alone; of loaded experts it is a
/// stack of such loads.
struct SliceOfLoad : OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SliceOp op,
                                PatternRewriter &rewriter) const override {
    auto load = op.getInput().getDefiningOp<LoadOp>();
    RankedTensorType type = typeOf(op);
    if (!load || load.getAt() || type.getRank() > 3)
      return failure();
    int64_t first = op.getFirst();
    auto loadRows = [&](RankedTensorType rows, ArrayRef<int64_t> at) {
      return LoadOp::create(rewriter, load.getLoc(), rows, load.getNameAttr(),
                            load.getLayer(), rewriter.getDenseI64ArrayAttr(at),
                            load.getPartAttr());
    };
    if (type.getRank() == 2) {
      rewriter.replaceOp(op, loadRows(type, {first}));
      return success();
    }
    auto entry = type.clone(type.getShape().drop_front());
    SmallVector<Value> entries;
    for (int64_t i = 0; i != type.getDimSize(0); ++i)
      entries.push_back(loadRows(entry, {i, first}));
    rewriter.replaceOpWithNewOp<StackOp>(op, type, entries);
    return success();
  }
};

/// reshape(reshape(x)) is one reshape of x.
struct ReshapeOfReshape : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReshapeOp op,
                                PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<ReshapeOp>();
    if (!inner)
      return failure();
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), inner.getInput());
    return success();
  }
};

/// Widening to f32 and rounding back gives the same numbers.
struct RoundOfWidened : OpRewritePattern<ConvertOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConvertOp op,
                                PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<ConvertOp>();
    if (!inner || inner.getInput().getType() != op.getType() ||
        typeOf(op).getElementType().isF32())
      return failure();
    rewriter.replaceOp(op, inner.getInput());
    return success();
  }
};

/// Rounding what a source makes is making it rounded.
struct RoundOfSource : OpRewritePattern<ConvertOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConvertOp op,
                                PatternRewriter &rewriter) const override {
    Operation *source = op.getInput().getDefiningOp();
    if (!isa_and_nonnull<LoadOp, RandomOp, RopeTableOp, FillOp>(source) ||
        !typeOf(op).getElementType().isBF16())
      return failure();
    Operation *rounded = rewriter.clone(*source);
    rounded->getResult(0).setType(op.getType());
    rewriter.replaceOp(op, rounded);
    return success();
  }
};

/// Rounding commutes with ops that only move elements.
struct RoundOfMove : OpRewritePattern<ConvertOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConvertOp op,
                                PatternRewriter &rewriter) const override {
    Operation *move = op.getInput().getDefiningOp();
    Type element = typeOf(op).getElementType();
    if (!isa_and_nonnull<StackOp, ConcatOp, SliceOp, SelectOp, ReshapeOp,
                         DeinterleaveOp, AppendRowsOp>(move) ||
        element.isF32() || getGroupFormat(element))
      return failure();
    IRMapping mapping;
    for (Value operand : move->getOperands())
      if (!mapping.contains(operand))
        mapping.map(operand,
                    ConvertOp::create(rewriter, op.getLoc(),
                                      typeOf(operand).clone(element), operand));
    Operation *rounded = rewriter.clone(*move, mapping);
    rounded->getResult(0).setType(op.getType());
    rewriter.replaceOp(op, rounded);
    return success();
  }
};

struct FoldRecipesPass : impl::FoldRecipesBase<FoldRecipesPass> {
  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet set(context);
    set.add<SelectOfSelect, SelectOfLoad, SliceOfSlice, SliceOfStack,
            SliceOfLoad, ReshapeOfReshape, RoundOfWidened, RoundOfSource,
            RoundOfMove>(context);
    SelectOp::getCanonicalizationPatterns(set, context);
    patterns = std::move(set);
    return success();
  }

  void runOnOperation() override {
    eraseUnusedWeights(getOperation());
    for (auto weight : getOperation().getOps<WeightOp>())
      if (failed(applyPatternsGreedily(weight.getRecipe(), patterns))) {
        weight.emitOpError("has a recipe that does not come to an end in "
                           "folding");
        return signalPassFailure();
      }
  }

  FrozenRewritePatternSet patterns;
};
} // namespace

} // namespace fpmoe
