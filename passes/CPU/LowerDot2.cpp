//===- LowerDot2.cpp - Lowers mega.dot2 to what the CPU has ---------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Mega/Mega.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/CPU/Passes.h"

namespace fpmoe {
#define GEN_PASS_DEF_LOWERDOT2
#include "passes/CPU/Passes.h.inc"
} // namespace fpmoe

using namespace mlir;

namespace {

struct Dot2ToAvx512 : OpRewritePattern<mega::Dot2Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(mega::Dot2Op op,
                                PatternRewriter &rewriter) const override {
    if (cast<VectorType>(op.getType()).getNumElements() != 16)
      return failure();
    rewriter.replaceOpWithNewOp<x86vector::DotBF16Op>(
        op, op.getType(), op.getAcc(), op.getLhs(), op.getRhs());
    return success();
  }
};

/// BFDOT sums pairs into four lanes.
struct Dot2ToNeon : OpRewritePattern<mega::Dot2Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(mega::Dot2Op op,
                                PatternRewriter &rewriter) const override {
    constexpr int64_t kSums = 4;
    Location loc = op.getLoc();
    auto type = cast<VectorType>(op.getType());
    int64_t lanes = type.getNumElements();
    if (lanes % kSums)
      return failure();
    auto part = [&](Value from, int64_t first, int64_t count) -> Value {
      return vector::ExtractStridedSliceOp::create(
          rewriter, loc, from, ArrayRef<int64_t>{first},
          ArrayRef<int64_t>{count}, ArrayRef<int64_t>{1});
    };
    Value result = op.getAcc();
    for (int64_t i = 0; i < lanes; i += kSums) {
      Value sums[] = {part(op.getAcc(), i, kSums),
                      part(op.getLhs(), 2 * i, 2 * kSums),
                      part(op.getRhs(), 2 * i, 2 * kSums)};
      Value sum =
          LLVM::CallIntrinsicOp::create(
              rewriter, loc, sums[0].getType(),
              rewriter.getStringAttr("llvm.aarch64.neon.bfdot.v4f32.v8bf16"),
              sums)
              .getResult(0);
      result = vector::InsertStridedSliceOp::create(rewriter, loc, sum, result,
                                                    ArrayRef<int64_t>{i},
                                                    ArrayRef<int64_t>{1});
    }
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// A pair of bf16 is one 32-bit word; each half, moved up, is an f32.
struct Dot2ToFma : OpRewritePattern<mega::Dot2Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(mega::Dot2Op op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto type = cast<VectorType>(op.getType());
    auto words = type.clone(rewriter.getI32Type());
    auto constant = [&](int32_t value) -> Value {
      return arith::ConstantOp::create(rewriter, loc,
                                       DenseElementsAttr::get(words, value));
    };
    auto halves = [&](Value pairs) -> std::pair<Value, Value> {
      Value bits = vector::BitCastOp::create(rewriter, loc, words, pairs);
      Value low = arith::ShLIOp::create(rewriter, loc, bits, constant(16));
      Value high = arith::AndIOp::create(rewriter, loc, bits, constant(-65536));
      return {arith::BitcastOp::create(rewriter, loc, type, low),
              arith::BitcastOp::create(rewriter, loc, type, high)};
    };
    auto [a0, a1] = halves(op.getLhs());
    auto [b0, b1] = halves(op.getRhs());
    Value sum = vector::FMAOp::create(rewriter, loc, a0, b0, op.getAcc());
    rewriter.replaceOpWithNewOp<vector::FMAOp>(op, a1, b1, sum);
    return success();
  }
};

struct LowerDot2Pass : fpmoe::impl::LowerDot2Base<LowerDot2Pass> {
  using LowerDot2Base::LowerDot2Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    switch (mega::getTarget(getOperation()).getDot()) {
    case mega::DotInstruction::Avx512Bf16:
    case mega::DotInstruction::AmxBf16:
      patterns.add<Dot2ToAvx512>(&getContext());
      break;
    case mega::DotInstruction::NeonBf16:
      patterns.add<Dot2ToNeon>(&getContext());
      break;
    case mega::DotInstruction::CudaMma: // of warps, which have no such op
    case mega::DotInstruction::None:
      patterns.add<Dot2ToFma>(&getContext());
      // Rounding to bf16 would become a call of the compiler's library.
      arith::populateExpandBFloat16Patterns(patterns);
      break;
    }
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
