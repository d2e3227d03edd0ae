//===- ProgramBuilder.h - Builds one program of the step --------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// What all parts of a program are built with: memory, weights, phases, and the
// sizes of tiles.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_PASSES_SCHEDULE_PROGRAMBUILDER_H
#define FPMOE_PASSES_SCHEDULE_PROGRAMBUILDER_H

#include "dialects/Mega/Mega.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace fpmoe {

/// Bounds of one program.
struct ProgramShape {
  llvm::StringRef name;
  int64_t maxTokens; ///< tokens of a step
  int64_t rows;      ///< tokens multiplied at a time
  int64_t context;   ///< positions of a sequence
  /// Gives the inputs of the layers in the place of the logits.
  bool layerInputs = false;
  /// `FpmoeStep.routes`: experts of a token, 0: none, and tokens of a layer.
  int64_t routeColumns = 0, routeTokens = 1;
};

/// Appends the program of `main` to its module. Matrices must be packed.
mlir::LogicalResult buildProgram(mlir::func::FuncOp main,
                                 const ProgramShape &shape);

/// Bytes of weights that one tile of a product keeps in the second-level cache
/// while it goes over the tokens.
constexpr int64_t kTileWeightBytes = 400 << 10;
/// Tiles that a product has at least, where it is large enough: many workers
/// must find work, and few must end together.
constexpr int64_t kMinTiles = 32;
/// Blocks of tokens in a group: enough to use a tile's weights well.
constexpr int64_t kGroupBlocks = 16;
/// Vectors of columns that a worker of many threads multiplies at once, by one
/// of its large blocks of tokens, or by one token if that leaves many tiles, of
/// no more than so many bytes.
constexpr int64_t kThreadsVectors = 4, kManyTiles = 1024,
                  kTokenTileBytes = 64 << 10;

class ProgramBuilder : public mlir::OpBuilder {
public:
  using Value = mlir::Value;
  using BufferSpace = mega::BufferSpace;

  ProgramBuilder(mlir::func::FuncOp main, const ProgramShape &shape);

  const ProgramShape shape;
  mlir::Location loc;
  mlir::ModuleOp module;
  mega::TargetAttr target;
  /// For one token, every worker computes norms and routes for itself.
  const bool one;
  const int64_t numBlocks; ///< of tokens
  const int64_t ranks;     ///< that the model is split over
  /// Whose phases are built: those of a layer, or of the step.
  mlir::Block *phases = nullptr;
  Value layer; ///< index of the layer; null outside

  mega::ProgramOp beginProgram();
  /// The op that holds the layers; null until it is made.
  mega::LayersOp layersOp;

  // Memory.
  Value buffer(llvm::StringRef name, BufferSpace space,
               llvm::ArrayRef<int64_t> sizes, mlir::Type element);
  /// Rows that `weight` multiplies, as they are made: `count` blocks of `rows`
  /// rows of `columns` columns, a multiple of 16.
  Value operand(llvm::StringRef name, BufferSpace space, Value weight,
                int64_t count, int64_t rows, int64_t columns);
  /// The rows as `weight` multiplies them: themselves, or integers. Those the
  /// phase makes that is built, if it makes whole blocks of rows, else one of
  /// their own. `tail`: of columns that low ranks put behind. `shards`: of the
  /// weight. Where several weights multiply them, `weight` is the widest.
  Value multiplied(Value rows, Value weight, Value groups, int64_t tail,
                   int64_t shards = 1);
  /// What the caller says of the step.
  Value input(mega::StepInput input);
  /// A weight of the graph, in front of the phase that is built; null of null.
  Value weight(Value graphWeight);
  /// Memory of the team where there are many tokens, else of each worker.
  BufferSpace common() const {
    return one ? BufferSpace::Private : BufferSpace::Shared;
  }

  // Phases.
  using Sizes = llvm::SmallVector<mlir::Attribute, 2>;
  mlir::Attribute size(int64_t n) { return getI64IntegerAttr(n); }
  mlir::Attribute size(mega::TileSize size) {
    return mega::TileSizeAttr::get(getContext(), size);
  }
  /// The size's name where there are many tokens, else 1.
  mlir::Attribute sizeOfMany(mega::TileSize name) {
    return one ? size(1) : size(name);
  }
  /// Starts a phase in front of the layers, as `beginPhase` does at the end.
  void beginTopPhase(llvm::StringRef name, const Sizes &sizes);
  /// Starts a phase, and a barrier behind it; later ops go into the phase. With
  /// no sizes, every worker does all of it.
  void beginPhase(llvm::StringRef name, const Sizes &sizes);
  /// Sets the place behind the last phase.
  void endPhase() { setInsertionPointToEnd(phases); }
  /// Names of phases of a layer are counted anew.
  void beginLayerKind() { phaseNames.clear(); }

  /// Memory for what `shards` shards of a weight give, which addShards() adds:
  /// that of all weights of so many.
  Value shardSums(int64_t shards, Value x);
  /// Adds what the shards of all ranks gave, with a bias, if any, and times a
  /// number, if any, to the activations.
  void addShards(Value sums, Value graphBias, mlir::FloatAttr multiplier,
                 Value x);
  /// Adds rows of all ranks, if there are several.
  void exchange(Value rows);

  /// How many vectors of columns of a packed weight a tile takes.
  int64_t vectorsPerTile(Value packedWeight);
  /// How many blocks of tokens.
  int64_t blocksPerTile() const {
    return target.getThreads() > 1 ? 1 : kGroupBlocks;
  }

private:
  Value createOnTop(llvm::function_ref<Value()> create);
  bool makesBlocks();

  mlir::Block *top = nullptr;
  llvm::DenseMap<mega::StepInput, Value> inputs;
  llvm::DenseMap<int64_t, Value> sumsOfShards;
  llvm::StringMap<int> phaseNames, bufferNames;
};

/// Memory that the parts of a program share.
struct ProgramMemory {
  mlir::Value x;      ///< activations
  mlir::Value cache;  ///< null before the first attention
  int64_t hidden = 0; ///< columns of x that are used
  int64_t layers = 0;
  /// Cosines and sines of the step's positions, by the symbol of their table.
  llvm::DenseMap<mlir::Attribute, mlir::Value> angles;
};

/// Builds the phases of a layer's body.
mlir::LogicalResult buildLayer(ProgramBuilder &b, mlir::func::FuncOp body,
                               ProgramMemory &memory);

/// Puts the low-rank activations of a product behind its operand, if it has
/// any; those of shards into memory of their own, with a copy of the columns.
/// Gives what the product multiplies.
mlir::Value addLowRank(ProgramBuilder &b, mlir::Value operand,
                       mlir::Value lowRank, mlir::DenseI64ArrayAttr ranks,
                       llvm::StringRef name);

/// Columns of an operand of `columns` columns with room for what low ranks add
/// behind them.
int64_t widenedColumns(int64_t columns, mlir::Value lowRank);

/// Builds the phases of a feed-forward block, which adds to `x`.
mlir::LogicalResult buildExperts(ProgramBuilder &b, MoeOp op, mlir::Value x);

/// How many experts of a token are worth telling people: those that it chose.
int64_t getNumRecorded(MoeOp op);

/// Shards of a weight that has `rank` dimensions where it is not split.
inline int64_t getNumShards(mlir::Value weight, int64_t rank) {
  auto type = llvm::cast<mlir::ShapedType>(weight.getType());
  return type.getRank() > rank ? type.getDimSize(type.getRank() - 3) : 1;
}
inline bool isSplit(mlir::Value weight, int64_t rank) {
  return llvm::cast<mlir::ShapedType>(weight.getType()).getRank() > rank;
}

} // namespace fpmoe

#endif
