//===- Quantizer.h - Formats that depend on numbers -------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// What --weights=4.75bits, --calibrate and --report take beside the passes: the
// weights themselves.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TOOLS_FPMOE_COMPILE_QUANTIZER_H
#define FPMOE_TOOLS_FPMOE_COMPILE_QUANTIZER_H

#include "lib/Target/CPU/Describe.h"
#include "lib/Weights/GroupFile.h"
#include "lib/Weights/Sources.h"
#include "mlir/IR/OwningOpRef.h"
#include "tools/fpmoe-compile/ReadModel.h"

namespace fpmoe {

class Quantizer {
public:
  /// Both stay where they are.
  Quantizer(const CompileOptions &options, const Model &model)
      : options(options), model(model) {}

  /// Whether --weights says something; a budget of bits has rules later.
  llvm::Error check();
  /// The rules of --weights for a module of the fuse phase.
  llvm::Expected<std::string> chooseRules(mlir::ModuleOp fused);
  /// Keeps the module of the quantize phase, if weights are calibrated.
  llvm::Error keep(mlir::ModuleOp quantized);
  /// Makes weights of 4 bits for the calibration text, if there is one.
  llvm::Error calibrateWeights(const ProgramDescription &description);
  /// Null: none are made before the weights are written.
  std::shared_ptr<const GroupFile> getGroups() const { return groups; }
  /// Adds the matrices of the module of the schedule phase, and with `measure`
  /// what their formats change, as far as some rows of them tell.
  llvm::Error describeMatrices(mlir::ModuleOp scheduled, bool measure,
                               ProgramDescription &description);
  /// What the formats of the module of the schedule phase change.
  llvm::Error writeReports(mlir::ModuleOp scheduled, llvm::StringRef name);

private:
  llvm::Expected<Sources> openAllSources(mlir::ModuleOp module);

  const CompileOptions &options;
  const Model &model;
  std::optional<double> budget; ///< bits a weight
  mlir::OwningOpRef<mlir::ModuleOp> quantized;
  std::shared_ptr<const GroupFile> groups;
};

} // namespace fpmoe

#endif
