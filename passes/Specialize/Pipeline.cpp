//===- Pipeline.cpp - the specialize phase --------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The order of the passes: recipes are folded last, when the parts that are
// needed are known.
//
//===----------------------------------------------------------------------===//

#include "passes/Specialize/Passes.h"

#include "passes/Assemble/Passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

namespace fpmoe {

#define GEN_PASS_REGISTRATION
#include "passes/Specialize/Passes.h.inc"

void populateSpecializePipeline(mlir::OpPassManager &pm,
                                const SpecializeOptions &options) {
  SelectLanguagesOptions select;
  select.languages.assign(options.languages.begin(), options.languages.end());
  pm.addPass(createSelectLanguages(std::move(select)));
  SelectAdaptersOptions adapters;
  adapters.languages.assign(options.languages.begin(), options.languages.end());
  pm.addPass(createSelectAdapters(std::move(adapters)));
  pm.addPass(createFoldRecipes());
  VerifySpecializedOptions verify;
  verify.languages.assign(options.languages.begin(), options.languages.end());
  pm.addPass(createVerifySpecialized(std::move(verify)));
}

void registerSpecializePasses() {
  registerFPMoESpecializePasses();
  mlir::PassPipelineRegistration<SpecializeOptions>(
      "fpmoe-specialize", "The specialize phase", populateSpecializePipeline);
}

} // namespace fpmoe
