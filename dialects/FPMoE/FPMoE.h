//===- FPMoE.h - The graph dialect ------------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Ops and attributes of the `fpmoe` dialect: models on tensors, and recipes
// for their weights. README.md beside this file numbers the constraints.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_FPMOE_FPMOE_H
#define FPMOE_DIALECTS_FPMOE_FPMOE_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/FPMoE/FPMoEDialect.h.inc"

#include "dialects/FPMoE/FPMoEEnums.h.inc"
#include "dialects/FPMoE/FPMoEInterfaces.h.inc"

namespace fpmoe {

/// A matrix that an op multiplies by.
struct StoredMatrix {
  mlir::Value weight;
  /// The rows are those of a gate and of an up projection.
  bool halves = false;
  /// So many last columns multiply what low ranks put behind the input.
  int64_t tail = 0;
  /// A first low-rank factor: what it makes is put behind its own input, so
  /// that this is multiplied before it is rounded to integers, if it is.
  bool factor = false;
};

} // namespace fpmoe

#include "dialects/FPMoE/FPMoEOpInterfaces.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/FPMoE/FPMoETypes.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/FPMoE/FPMoEAttrs.h.inc"

#define GET_OP_CLASSES
#include "dialects/FPMoE/FPMoEOps.h.inc"

namespace fpmoe {

/// Whether a weight can have this shape: static, neither empty nor above 2^50
/// elements.
bool isWeightShape(llvm::ArrayRef<int64_t> shape);

/// Whether activations can: rows of 1 to 2^40 columns.
bool isRowsShape(llvm::ArrayRef<int64_t> shape);

/// Name of the module attribute that holds a `DictionaryAttr` about the model.
constexpr llvm::StringLiteral kModelAttr = "fpmoe.model";

/// The directory of a part of the model, from its `fpmoe.model`; empty if there
/// is no such part.
llvm::StringRef getPartDirectory(mlir::ModuleOp module, llvm::StringRef part);

/// The most processes that a model is split over: for each there are weights to be
/// written.
constexpr int64_t kMostRanks = 64;

/// Processes that the model is split over, from its `fpmoe.model`: 1 of one that
/// is whole.
int64_t getNumRanks(mlir::ModuleOp module);

/// How many experts a token takes under `routing`.
int64_t getTopK(mlir::Attribute routing);

/// Rows of the router whose experts are in the program; empty for all.
llvm::ArrayRef<int64_t> getCandidates(mlir::Attribute routing);

/// Checks `routing` for `numExperts` experts and a router of `routerRows` rows
/// (0: none).
mlir::LogicalResult
verifyRouting(llvm::function_ref<mlir::InFlightDiagnostic()> emitError,
              mlir::Attribute routing, int64_t numExperts, int64_t routerRows);

} // namespace fpmoe

#endif
