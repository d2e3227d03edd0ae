//===- Passes.td - the assemble phase ----------------------*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_PASSES_ASSEMBLE_PASSES_TD
#define FPMOE_PASSES_ASSEMBLE_PASSES_TD

include "mlir/Pass/PassBase.td"

def FoldRecipes : Pass<"fpmoe-fold-recipes", "::mlir::ModuleOp"> {
  let summary = "Brings recipes into their shortest form";
  let description = [{
    A part of a stack becomes a stack of parts, a part of a tensor of the
    checkpoint is loaded alone, chains of reshapes and of selections become one,
    and rounding moves to where a value comes from, which costs nothing there.
    All of this is exact. Weights that nobody gets are erased.

    Example (`test/passes/Assemble/fold-recipes.mlir`):

    ```mlir
    %0 = fpmoe.load "e0" : tensor<4x8xf32>
    %1 = fpmoe.load "e1" : tensor<4x8xf32>
    %2 = fpmoe.stack %0, %1 : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<2x4x8xf32>
    %3 = fpmoe.select %2[1] : tensor<2x4x8xf32> -> tensor<1x4x8xf32>
    fpmoe.yield %3 : tensor<1x4x8xf32>
    ```

    becomes

    ```mlir
    %0 = fpmoe.load "e1" : tensor<4x8xf32>
    %1 = fpmoe.stack %0 : tensor<4x8xf32> -> tensor<1x4x8xf32>
    fpmoe.yield %1 : tensor<1x4x8xf32>
    ```
  }];
}

def MergeWeights : Pass<"fpmoe-merge-weights", "::mlir::ModuleOp"> {
  let summary = "Keeps one of the weights that are made alike";
  let description = [{
    Weights of the same layers with the same recipe are the same numbers; all
    get the first of them.

    Example (`test/passes/Assemble/merge-weights.mlir`):

    ```mlir
    fpmoe.weight @a : tensor<8xf32> {
      %0 = fpmoe.load "norm" : tensor<8xf32>
      fpmoe.yield %0 : tensor<8xf32>
    }
    fpmoe.weight @b : tensor<8xf32> {
      %0 = fpmoe.load "norm" : tensor<8xf32>
      fpmoe.yield %0 : tensor<8xf32>
    }
    ```

    becomes

    ```mlir
    fpmoe.weight @a : tensor<8xf32> {
      %0 = fpmoe.load "norm" : tensor<8xf32>
      fpmoe.yield %0 : tensor<8xf32>
    }
    ```
  }];
}

def VerifyRecipes : Pass<"fpmoe-verify-recipes", "::mlir::ModuleOp"> {
  let summary = "Fails where a recipe does not come from a source";
  let description = [{
    Closes the assemble phase: a recipe consists of `fpmoe` ops, and so of
    `load`, `random`, `rope_table`, `rope_frequencies`, `fill` and `prompt_state` in
    the end, the only ones that make a tensor of none.
  }];
}

#endif
