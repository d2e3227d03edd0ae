//===- Passes.td - From the graph to programs --------------*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_PASSES_SCHEDULE_PASSES_TD
#define FPMOE_PASSES_SCHEDULE_PASSES_TD

include "mlir/Pass/PassBase.td"

def BuildPrograms : Pass<"fpmoe-build-programs", "::mlir::ModuleOp"> {
  let summary = "Turns the fused graph into programs of phases and tiles";
  let description = [{
    Makes `@decode`, for one token, and `@prefill`, for up to `prefill-tokens`, of
    `@main` and the layers' bodies, which are erased; a barrier follows every
    phase. Weights that are multiplied get the layout of the kernels.
    Fails on a graph that was not fused.

    With `layer-inputs`, the programs give in place of the logits what goes into the
    layers, one layer behind the other; the last product and its weight are gone. A
    row still has room for the whole vocabulary at least, which ids are checked by.
  }];
  let options = [
    Option<"prefillTokens", "prefill-tokens", "int64_t", /*default=*/"512",
           "Tokens of one prefill step at most">,
    Option<"rows", "rows", "int64_t", /*default=*/"12",
           "Tokens multiplied at a time in prefill">,
    Option<"tileRows", "tile-rows", "int64_t", /*default=*/"0",
           "Rows in bf16, each of which lies together as tile registers read it; "
           "0: as in f32">,
    Option<"streams", "streams", "int64_t", /*default=*/"1",
           "Panels that products of one token read at once, as far as there are; "
           "an expert's gate and up panels are two">,
    Option<"layerInputs", "layer-inputs", "bool", /*default=*/"false",
           "Give the inputs of the layers in place of the logits">
  ];
  let dependentDialects = ["::mega::MegaDialect"];
}

def ElideBarriers : Pass<"mega-elide-barriers", "::mega::ProgramOp"> {
  let summary = "Removes the barriers that no two phases need";
  let description = [{
    A barrier stays where a phase after it touches what a phase before it, and
    after the last barrier, wrote, or writes what that read. Phases that every
    worker does for itself write private buffers alone, and so need no barrier
    behind them. The barrier that ends a layer stays.
  }];
}

def VerifyBarriers : Pass<"mega-verify-barriers", "::mega::ProgramOp"> {
  let summary = "Checks that a barrier stands wherever one is needed";
  let description = [{
    The legality check that ends the schedule phase.
  }];
}

def AssignPlaces : Pass<"fpmoe-assign-places", "::mlir::ModuleOp"> {
  let summary = "Gives every weight its place in the program's weights";
  let description = [{
    Small weights come first, then the packed ones, each at a page of its own.
    Kernels read vectors of 64 bytes, so that small weights have 64 bytes of
    slack behind them.
  }];
}

#endif
