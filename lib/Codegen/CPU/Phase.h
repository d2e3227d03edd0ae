//===- Phase.h - What the code of a phase has at hand -----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// The state that emitters of tile ops share: where memory is, and how many
// tokens the step has. One overload of `emit` per tile op emits its code; it
// lives in the file named after the op.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CPU_PHASE_H
#define FPMOE_LIB_CODEGEN_CPU_PHASE_H

#include "fpmoe/runtime/abi.h"
#include "lib/Codegen/CPU/Operand.h"

namespace fpmoe {

struct PhaseContext {
  KernelBuilder &b;
  mlir::SymbolTable &symbols;
  int64_t maxTokens;   ///< of the program
  int64_t blockRows;   ///< tokens multiplied at a time
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
  /// Blocks of tokens.
  mlir::Value blocks() { return b.ceilDiv(count, blockRows); }

  /// Element `row` of an input, as i64.
  mlir::Value element(mlir::Value input, mlir::Value row) {
    return b.loadIndex(base(input), row);
  }
  /// The same; -1 where the caller gives none.
  mlir::Value elementOrNone(mlir::Value input, mlir::Value row);
  /// Pages of the cache that the row's sequence has.
  mlir::Value pagesOf(mlir::Value row);
  /// Start of the memory of a buffer or of an input that is an array.
  mlir::Value base(mlir::Value memory);
  /// Start of a weight's instance for this layer.
  mlir::Value weight(mlir::Value megaWeight);
  OperandBlock block(mlir::Value operand, mlir::Value number);
};

inline int64_t dim(mlir::Value value, int64_t i) {
  auto shape = llvm::cast<mlir::ShapedType>(value.getType()).getShape();
  return i < 0 ? shape[shape.size() + i] : shape[i];
}

/// Whether a pointer is null (i1).
mlir::Value isNull(KernelBuilder &b, mlir::Value pointer);

/// How many tiles there are in a dimension of this size (a number, or a
/// mega::TileSize) of the phase that begins with the op `first`.
mlir::Value emitTileCount(PhaseContext &phase, mlir::Attribute size,
                          mlir::Operation &first);

using Tile = llvm::ArrayRef<mlir::Value>;

/// The tokens [first, last) of a tile, where the phase of the op goes over
/// tokens, over blocks of them, or has no tiles, which is the first block.
std::pair<mlir::Value, mlir::Value>
emitTokensOf(PhaseContext &phase, mlir::Operation *op, Tile tile);

/// Sums of a product that is split by K, `[shards, tokens, columns]`, are made
/// shard by shard: how many there are; 0 where sums are whole, and have no such
/// dimension.
inline int64_t getShards(mlir::Value sums) {
  auto type = llvm::cast<mlir::ShapedType>(sums.getType());
  return type.getRank() == 3 ? type.getDimSize(0) : 0;
}

/// A tile of such a product: its shard, null where sums are whole, and which of
/// the tiles of a shard it is, when `vectors` of columns are dealt out to tiles
/// of `perTile`.
struct TileOfShard {
  mlir::Value shard, number;
};
TileOfShard getTileOfShard(PhaseContext &phase, int64_t shards, int64_t vectors,
                           int64_t perTile, mlir::Value tile);

/// The code of a tile of an op.
void emit(PhaseContext &phase, mega::EmbedOp op, Tile tile);
void emit(PhaseContext &phase, mega::RopeOp op, Tile tile);
void emit(PhaseContext &phase, mega::NormOp op, Tile tile);
void emit(PhaseContext &phase, mega::SquaresOp op, Tile tile);
void emit(PhaseContext &phase, mega::HeadsOp op, Tile tile);
void emit(PhaseContext &phase, mega::QuantizeOp op, Tile tile);
void emit(PhaseContext &phase, mega::LowRankOp op, Tile tile);
void emit(PhaseContext &phase, mega::QkvOp op, Tile tile);
void emit(PhaseContext &phase, mega::AttentionOp op, Tile tile);
void emit(PhaseContext &phase, mega::AttendSpanOp op, Tile tile);
void emit(PhaseContext &phase, mega::MergeSpansOp op, Tile tile);
void emit(PhaseContext &phase, mega::LinearOp op, Tile tile);
void emit(PhaseContext &phase, mega::ReduceOp op, Tile tile);
void emit(PhaseContext &phase, mega::ExchangeOp op, Tile tile);
void emit(PhaseContext &phase, mega::KeepRowsOp op, Tile tile);
void emit(PhaseContext &phase, mega::RouteOp op, Tile tile);
void emit(PhaseContext &phase, mega::RecordRoutesOp op, Tile tile);
void emit(PhaseContext &phase, mega::SegmentScoresOp op, Tile tile);
void emit(PhaseContext &phase, mega::SegmentChooseOp op, Tile tile);
void emit(PhaseContext &phase, mega::GroupOp op, Tile tile);
void emit(PhaseContext &phase, mega::GatherOp op, Tile tile);
void emit(PhaseContext &phase, mega::ExpertUpOp op, Tile tile);
void emit(PhaseContext &phase, mega::ExpertDownOp op, Tile tile);

} // namespace fpmoe

#endif
