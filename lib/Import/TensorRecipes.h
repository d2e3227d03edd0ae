//===- TensorRecipes.h - recipes in the place of tensors --------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the importer asks for tensors when they are not in a checkpoint but made
// from parts. Every architecture can so be assembled without knowing of it.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_IMPORT_TENSORRECIPES_H
#define FPMOE_LIB_IMPORT_TENSORRECIPES_H

#include "mlir/IR/Builders.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace fpmoe {

/// A tensor of the model as the importer asks for it. In a layer, its name has
/// a
/// `{}` for the number, and `layers` are those that have it.
struct TensorRequest {
  std::string name;
  std::vector<int64_t> layers;
  std::vector<int64_t> shape;
};

class TensorRecipes {
public:
  virtual ~TensorRecipes() = default;

  /// Whether the model has the tensor of that name, with the layer's number.
  virtual bool has(llvm::StringRef name) const = 0;

  /// Builds the recipe of a tensor where `builder` stands. `layer` is the
  /// argument of the recipe, null for a tensor outside layers.
  virtual llvm::Expected<mlir::Value> build(mlir::OpBuilder &builder,
                                            const TensorRequest &request,
                                            mlir::Value layer) = 0;

  /// Languages that have an adapter that is kept as a low-rank path.
  virtual std::vector<std::string> getLanguages() const { return {}; }

  /// The rank of what an adapter adds to a matrix, 0 if it leaves it alone.
  /// Adapter 0 is that of all tokens, 1 that of the first language.
  virtual llvm::Expected<int64_t> rankOf(size_t, const TensorRequest &) {
    return 0;
  }

  /// Builds recipes of its factors where `builder` stands: A, `[rank, in]`, and
  /// B, `[out, rank]`, which holds the scale.
  virtual mlir::Value buildA(mlir::OpBuilder &, size_t, const TensorRequest &,
                             mlir::Value) {
    return {};
  }
  virtual mlir::Value buildB(mlir::OpBuilder &, size_t, const TensorRequest &,
                             mlir::Value) {
    return {};
  }

  /// After all tensors: fails if something is left over that would have been
  /// part of the model.
  virtual llvm::Error finish() = 0;

  /// Whether all large matrices come from bf16.
  virtual bool isBF16() const = 0;

  /// Names and directories of what recipes load from.
  virtual std::vector<std::pair<std::string, std::string>>
  getDirectories() const = 0;
};

} // namespace fpmoe

#endif // FPMOE_LIB_IMPORT_TENSORRECIPES_H
