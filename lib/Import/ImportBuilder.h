//===- ImportBuilder.h - builds the graph of a model ------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The class behind Import.h: recipes of weights in ImportWeights.cpp, the body
// of a layer in ImportLayers.cpp, the module and the tensors that it claims in
// Import.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_IMPORT_IMPORTBUILDER_H
#define FPMOE_LIB_IMPORT_IMPORTBUILDER_H

#include "lib/Config/Architectures.h"
#include "lib/Import/Import.h"

#include "dialects/FPMoE/FPMoE.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace fpmoe {

/// The layers that share a body.
struct LayerKind {
  std::string name;
  bool isSparse;
  std::optional<int64_t> window;
  llvm::SmallVector<int64_t> layers;
};

/// Adapters of matrices that share an input, where they stay low-rank paths.
struct LowRankPaths {
  /// What one adapter adds to one of the matrices.
  struct Piece {
    size_t adapter, matrix;
    int64_t rank;
  };
  std::vector<TensorRequest> matrices;
  /// In the order of the columns behind the input.
  std::vector<Piece> pieces;
  /// The joint A, got; null where there is no adapter.
  mlir::Value low;
  mlir::DenseI64ArrayAttr ranks;

  int64_t rank() const;
};

/// How a checkpoint stores what the graph loads.
struct StoredTensors {
  /// Of all large matrices, or f32 where they differ.
  llvm::StringRef dtype;
  /// By the name of their load, where some are integers and they differ.
  std::map<llvm::StringRef, llvm::StringRef> formats;
};

class Importer {
public:
  Importer(mlir::MLIRContext *context, const ModelConfig &config,
           const Architecture &architecture, const Checkpoint *checkpoint,
           const ImportOptions &options)
      : builder(context), loc(builder.getUnknownLoc()), config(config),
        architecture(architecture), checkpoint(checkpoint), options(options),
        module(mlir::ModuleOp::create(loc)) {}

  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
  run(llvm::StringRef directory);

private:
  using Shape = llvm::ArrayRef<int64_t>;
  using Value = mlir::Value;
  using Recipe = llvm::function_ref<Value()>;

  // Recipes. Names of tensors in a layer have a `{}` for its number; `name` is
  // what follows `model.layers.{}.`.
  Value source(const llvm::Twine &name, Shape shape, double mean,
               double stddev);
  Value matrix(const llvm::Twine &name, Shape shape) {
    return source(name, shape, 0, 0.02);
  }
  Value assembled(std::string name, Shape shape);
  void noteFailure(llvm::Error error);
  bool isGguf() const { return checkpoint && checkpoint->isGguf(); }
  Value ggufSource(llvm::StringRef name, Shape shape);
  bool hasTensor(const llvm::Twine &name) const;
  Value ofLayer(llvm::StringRef name, Shape shape) {
    return matrix("model.layers.{}." + name, shape);
  }
  Value reshape(Value input, Shape shape);
  Value rowsFrom(Value input, int64_t first, int64_t count);
  Value deinterleave(Value input, int64_t headDim);
  Value ofExperts(llvm::StringRef name, Shape shape);
  const ExpertLayout &findLayout() const;

  // Weights, and their use in the function that is being built.
  WeightOp weight(const llvm::Twine &name, Recipe recipe);
  Value get(WeightOp op);
  Value getOfLayer(const llvm::Twine &role, Recipe recipe);
  Value getNorm(llvm::StringRef name, int64_t size);
  Value getMatrix(llvm::StringRef name, Shape shape,
                  const LowRankPaths *paths = nullptr);
  LowRankPaths lowRankPaths(llvm::StringRef role,
                            llvm::ArrayRef<llvm::StringRef> tensors,
                            llvm::ArrayRef<int64_t> rows, int64_t columns);
  Value withAdapters(const LowRankPaths *paths, llvm::StringRef tensor,
                     Value base);
  Value getBias(llvm::StringRef name, int64_t size);
  llvm::Error readRopeFactors();
  mlir::Attribute getRopeScaling();

  // The graph.
  void findKinds();
  void startFunction(llvm::StringRef name, llvm::ArrayRef<mlir::Type> inputs,
                     mlir::Type result);
  Value norm(Value input, Value weight, double eps);
  Value norm(Value input, Value weight) {
    return norm(input, weight, config.rmsNormEps);
  }
  Value linear(Value input, Value weight, int64_t columns, Value bias = {},
               const LowRankPaths *paths = nullptr);
  Value scale(Value input, double multiplier);
  Value rope(Value input, Value positions, Value table, int64_t headDim);
  Value projection(Value input, llvm::StringRef role, int64_t heads,
                   const LowRankPaths &paths);
  Value attend(Value query, Value key, Value value, Value positions);
  Value attention(Value input, Value positions);
  Value latentQuery(Value input, Value positions, Value table);
  Value latentAttention(Value input, Value positions);
  Value network(Value input, llvm::StringRef role, const NetworkNames &names,
                int64_t width, Value gate = {});
  mlir::Attribute routing();
  Value experts(Value input);
  Value feedForward(Value input);
  void buildBody(const LayerKind &layerKind);
  void buildMain();

  llvm::Error claimHead(TensorClaims &claims);
  llvm::Error claimEmptyExperts(TensorClaims &claims);
  llvm::Expected<StoredTensors> claimTensors();
  void setModelAttribute(llvm::StringRef directory,
                         const StoredTensors &stored);

  mlir::RankedTensorType f32(Shape shape) {
    return mlir::RankedTensorType::get(shape, builder.getF32Type());
  }
  mlir::RankedTensorType rows(int64_t columns) {
    return f32({mlir::ShapedType::kDynamic, columns});
  }
  mlir::RankedTensorType ids(Shape shape = {mlir::ShapedType::kDynamic}) {
    return mlir::RankedTensorType::get(shape, builder.getI32Type());
  }
  mlir::FloatAttr f64(double value) { return builder.getF64FloatAttr(value); }
  mlir::IntegerAttr i64(int64_t value) {
    return builder.getI64IntegerAttr(value);
  }

  mlir::OpBuilder builder;
  mlir::Location loc;
  ModelConfig config;
  const Architecture &architecture;
  const Checkpoint *checkpoint;
  const ImportOptions &options;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<LayerKind> kinds;
  WeightOp embedding, ropeTable;
  /// Of a checkpoint that stores them, one for each frequency.
  llvm::SmallVector<float> ropeFactors;

  /// The function that is being built, if any.
  mlir::func::FuncOp function;
  /// The kind whose body it is, if it is one.
  const LayerKind *kind = nullptr;
  /// The layer's number in the recipe that is being built, if it takes one.
  Value recipeLayer;
  /// What went wrong first in making a recipe; empty if nothing did.
  std::string failure;
};

} // namespace fpmoe

#endif // FPMOE_LIB_IMPORT_IMPORTBUILDER_H
