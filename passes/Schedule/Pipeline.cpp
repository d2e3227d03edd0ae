//===- Pipeline.cpp - The schedule phase ----------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// The order of the passes, and their registration for fpmoe-opt.
//===----------------------------------------------------------------------===//

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include "passes/Schedule/Passes.h"

using namespace mlir;

namespace fpmoe {
#define GEN_PASS_REGISTRATION
#include "passes/Schedule/Passes.h.inc"
} // namespace fpmoe

namespace {
struct PipelineOptions : PassPipelineOptions<PipelineOptions> {
  Option<int64_t> prefillTokens{*this, "prefill-tokens",
                                llvm::cl::desc("Tokens of one prefill step"),
                                llvm::cl::init(512)};
  Option<bool> layerInputs{
      *this, "layer-inputs",
      llvm::cl::desc("Give the inputs of the layers in place of the logits"),
      llvm::cl::init(false)};
  Option<int64_t> ranks{
      *this, "ranks",
      llvm::cl::desc("Processes that the model is split over; 0: it is not"),
      llvm::cl::init(0)};
};
} // namespace

void fpmoe::populateSchedulePipeline(OpPassManager &pm,
                                     const ScheduleOptions &options) {
  BuildProgramsOptions programs;
  programs.prefillTokens = options.prefillTokens;
  programs.layerInputs = options.layerInputs;
  if (options.ranks)
    pm.addPass(createSplitRanks({options.ranks}));
  pm.addPass(createPackWeights());
  pm.addPass(createBuildPrograms(programs));
  pm.addPass(createAssignPlaces());
  OpPassManager &program = pm.nest<mega::ProgramOp>();
  program.addPass(createElideBarriers());
  program.addPass(createPrefetchWeights());
  program.addPass(createVerifyBarriers());
  program.addPass(createAssignBuffers());
  pm.addPass(createVerifyRanks());
}

void fpmoe::registerSchedulePasses() {
  registerSchedulePhasePasses();
  PassPipelineRegistration<PipelineOptions>(
      "fpmoe-schedule", "The schedule phase",
      [](OpPassManager &pm, const PipelineOptions &options) {
        populateSchedulePipeline(
            pm, {options.prefillTokens, options.layerInputs, options.ranks});
      });
}
