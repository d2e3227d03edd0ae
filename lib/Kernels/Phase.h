//===- Phase.h - What the code of a phase has at hand -----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// The state that emitters of tile ops share: where buffers and weights are, and
// how many tokens the step has. One function per tile op emits its code; it
// lives in the file named after the op.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_KERNELS_PHASE_H
#define FPMOE_LIB_KERNELS_PHASE_H

#include "dialects/Mega/Mega.h"
#include "fpmoe/runtime/abi.h"
#include "lib/Kernels/Dot.h"

namespace fpmoe {

/// Sizes that a program's code needs beside its own ops.
struct ProgramInfo {
  int64_t maxTokens;    ///< of this program
  int64_t rows;         ///< tokens multiplied at a time
  int64_t routeTokens;  ///< rows of FpmoeStep.routes per layer
  int64_t routeColumns; ///< top_k of FpmoeStep.routes; 0: no routing
  bool bf16;            ///< format of weights and operands, else f32
  llvm::DenseMap<mlir::Value, int64_t> bufferOffsets; ///< bytes, per space
  llvm::DenseMap<mlir::Attribute, WeightOp> weights;  ///< by symbol name
};

struct PhaseContext {
  KernelBuilder &b;
  const ProgramInfo &info;
  mlir::Value step;    ///< FpmoeStep *
  mlir::Value worker;  ///< i64
  mlir::Value scratch; ///< this worker's private memory
  mlir::Value layer;   ///< i64: number of the layer
  mlir::Value ordinal; ///< i64: number among the layers of its kind
  mlir::Value count;   ///< i64: tokens of the step

  mlir::Value field(size_t offset, mlir::Type type) {
    return b.load(type, b.at(step, static_cast<int64_t>(offset)), 4);
  }
  mlir::Value pointerField(size_t offset) { return field(offset, b.ptrType()); }
  mlir::Value i64Field(size_t offset) { return field(offset, b.getI64Type()); }
  mlir::Value position() { return i64Field(offsetof(FpmoeStep, position)); }
  mlir::Value logitsFrom() {
    return i64Field(offsetof(FpmoeStep, logits_from));
  }
  /// Blocks of `rows` tokens.
  mlir::Value blocks() { return b.ceilDiv(count, info.rows); }

  /// Start of a buffer's memory.
  mlir::Value base(mlir::Value buffer);
  /// Start of a weight's instance for this layer.
  mlir::Value weight(mlir::Value megaWeight);
  /// The rows of a block of a packed operand, for a product over `steps`.
  DotRows rowsOfBlock(mlir::Value operand, mlir::Value block, int64_t steps);
  /// Bytes of one block of a packed operand with this buffer type.
  static int64_t blockBytes(mlir::Value operand);

  /// Calls `emit` with the panels [first, last) of a tile, `unit` at a time,
  /// and one by one what is left, if there can be any.
  void withPanels(mlir::Value first, mlir::Value last, int64_t unit,
                  bool canBeLeft,
                  llvm::function_ref<void(mlir::Value, int64_t)> emit);

  /// Calls `emit` with the number of rows to compute, at least `n` and at most
  /// `maxRows`; each number that is tried becomes code of its own.
  void withRows(mlir::Value n, int64_t maxRows,
                llvm::function_ref<void(int64_t)> emit);
};

inline int64_t dim(mlir::Value value, int64_t i) {
  auto shape = llvm::cast<mlir::ShapedType>(value.getType()).getShape();
  return i < 0 ? shape[shape.size() + i] : shape[i];
}

using Tile = llvm::ArrayRef<mlir::Value>;

void emitEmbed(PhaseContext &phase, mega::EmbedOp op, Tile tile);
void emitNorm(PhaseContext &phase, mega::NormOp op, Tile tile);
void emitHeads(PhaseContext &phase, mega::HeadsOp op, Tile tile);
void emitLowRank(PhaseContext &phase, mega::LowRankOp op, Tile tile);
void emitQkv(PhaseContext &phase, mega::QkvOp op, Tile tile);
void emitAttention(PhaseContext &phase, mega::AttentionOp op, Tile tile);
void emitLinear(PhaseContext &phase, mega::LinearOp op, Tile tile);
void emitKeepRows(PhaseContext &phase, mega::KeepRowsOp op, Tile tile);
void emitRoute(PhaseContext &phase, mega::RouteOp op, Tile tile);
void emitSegmentScores(PhaseContext &phase, mega::SegmentScoresOp op,
                       Tile tile);
void emitSegmentChoose(PhaseContext &phase, mega::SegmentChooseOp op);
void emitGroup(PhaseContext &phase, mega::GroupOp op);
void emitGather(PhaseContext &phase, mega::GatherOp op, Tile tile);
void emitExpertUp(PhaseContext &phase, mega::ExpertUpOp op, Tile tile);
void emitExpertDown(PhaseContext &phase, mega::ExpertDownOp op, Tile tile);

} // namespace fpmoe

#endif
