//===- Passes.td - From the graph to programs --------------*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_PASSES_SCHEDULE_PASSES_TD
#define FPMOE_PASSES_SCHEDULE_PASSES_TD

include "mlir/Pass/PassBase.td"

def SplitRanks : Pass<"fpmoe-split-ranks", "::mlir::ModuleOp"> {
  let summary = "Splits the model over several processes";
  let description = [{
    Makes the graph of one of `ranks` processes, which all run the same program: each has
    some of the heads of attention, and of each expert some columns of gate and up; the
    K of the products behind them is cut into shards, and what all shards give is
    added. Of the embedding and the logits, a rank has some rows. Routers and norms are
    every rank's, and so is what lies between the latents of attention. Of low ranks
    behind a product that is cut into shards, each shard has its columns of the first
    factor and all of the second; norms of whole rows of heads take the squares of all
    ranks. A recipe then makes a rank's part of a weight.

    There are four shards, as many as ranks where these are more, and less where columns
    of attention do not divide into so many: for 1, 2 and 4 ranks, sums have the same
    bits. Ranks are a power of two that divides the heads. Where there are more than
    heads of keys and values, several have a copy of one.

    Example (`test/passes/Schedule/split-ranks.mlir`), for 2 ranks:

    ```mlir
    %y = fpmoe.linear %a, %w residual %x : tensor<?x64xf32> : tensor<?x128xf32>, tensor<64x128xf32> -> tensor<?x64xf32>
    ```

    becomes

    ```mlir
    %y = fpmoe.linear %a, %w residual %x : tensor<?x64xf32> : tensor<?x64xf32>, tensor<2x64x32xf32> -> tensor<?x64xf32>
    ```
  }];
  let options = [
    Option<"ranks", "ranks", "int64_t", /*default=*/"1", "Number of processes">
  ];
  let dependentDialects = ["::mega::MegaDialect"];
}

def PackWeights : Pass<"mega-pack-weights", "::mlir::ModuleOp"> {
  let summary = "Lays the matrices out for the target";
  let description = [{
    Every matrix that ops multiply by gets the encoding `#mega.packed` of its format,
    as many columns beside each other as `mega.target` says, as far as they fill
    panels.

    Example (`test/passes/Schedule/pack-weights.mlir`), for a target of 16 columns:

    ```mlir
    fpmoe.weight @w : tensor<20x8xbf16> {
      %0 = fpmoe.load "w" : tensor<20x8xbf16>
      fpmoe.yield %0 : tensor<20x8xbf16>
    }
    ```

    becomes, if an op multiplies by it,

    ```mlir
    fpmoe.weight @w : tensor<20x8xbf16, #mega.packed<n = 16, k = 2>> {
      %0 = fpmoe.load "w" : tensor<20x8xbf16>
      %1 = fpmoe.pack %0 : tensor<20x8xbf16> -> tensor<20x8xbf16, #mega.packed<n = 16, k = 2>>
      fpmoe.yield %1 : tensor<20x8xbf16, #mega.packed<n = 16, k = 2>>
    }
    ```
  }];
  let dependentDialects = ["::mega::MegaDialect"];
}

def BuildPrograms : Pass<"fpmoe-build-programs", "::mlir::ModuleOp"> {
  let summary = "Turns the fused graph into programs of phases and tiles";
  let description = [{
    Makes `@decode`, for one token, and `@prefill`, for up to `prefill-tokens`, of
    `@main` and the layers' bodies, which are erased; a barrier follows every
    phase. How tokens form blocks is the target's (`mega.target`). Fails on a graph
    that was not fused, or whose matrices are not packed.

    With `layer-inputs`, the programs give in place of the logits what goes into the
    layers, one layer behind the other; the last product and its weight are gone. A
    row still has room for the whole vocabulary at least, which ids are checked by.
  }];
  let options = [
    Option<"prefillTokens", "prefill-tokens", "int64_t", /*default=*/"512",
           "Tokens of one prefill step at most">,
    Option<"layerInputs", "layer-inputs", "bool", /*default=*/"false",
           "Give the inputs of the layers in place of the logits">
  ];
  let dependentDialects = ["::mega::MegaDialect"];
}

def AssignBuffers : Pass<"mega-assign-buffers", "::mega::ProgramOp"> {
  let summary = "Gives every buffer of scratch its place";
  let description = [{
    Shared buffers lie one behind the other in the team's scratch, private ones in a
    worker's, each at a multiple of 64 bytes.
  }];
}

def ElideBarriers : Pass<"mega-elide-barriers", "::mega::ProgramOp"> {
  let summary = "Removes the barriers that no two phases need";
  let description = [{
    A barrier stays where a phase after it touches what a phase before it, and
    after the last barrier, wrote, or writes what that read. Phases that every
    worker does for itself write private buffers alone, and so need no barrier
    behind them. Nor do phases of one tile between each other, in a program of one
    token: the same worker does them. The barrier that ends a layer, or begins it,
    stays.
  }];
}

def PrefetchWeights : Pass<"mega-prefetch-weights", "::mega::ProgramOp"> {
  let summary = "Asks for weights before the barriers in front of them";
  let description = [{
    Weights depend on no barrier. In a program of one token for workers of several
    threads (GPUs), each phase that reads weights is copied, `ahead`, in front of the
    last barrier but one before it, or of the last one where what it asks for would
    not be in the cache any more: where another phase reads much in between. So memory
    has work while blocks wait, and compute what they do for themselves. Where it is
    not known yet which experts a token takes, the shared one's weights are asked for.

    CPUs' memory has always work, but while workers wait for a sum over ranks
    (`mega.exchange`). So on them the first phase that reads weights behind such a sum is
    copied, in front of the barrier behind the sum.

    Barriers at the ends of layers move to their beginnings, the one before the
    layers moves behind them, so that a layer's first weights are asked for in the
    layer itself.
  }];
  let dependentDialects = ["::mega::MegaDialect"];
}

def VerifyBarriers : Pass<"mega-verify-barriers", "::mega::ProgramOp"> {
  let summary = "Checks that phases find what others wrote";
  let description = [{
    The legality check of the schedule phase: a barrier stands wherever one is
    needed, and what a tile writes to private memory, which is that of one
    worker, no other phase reads.
  }];
}

def VerifyRanks : Pass<"mega-verify-ranks", "::mlir::ModuleOp"> {
  let summary = "Checks that ranks read only what they have";
  let description = [{
    Follows each program of a model that is split (`ranks` of `fpmoe.model`), with what a
    rank has of every buffer: all of it; columns or heads of its own; or summands, which
    `mega.exchange` adds up. How a weight is split its recipe says: `fpmoe.split_rows` or
    `fpmoe.split_columns`.

    | a rank has of the rows | of the weight | of the product |
    |---|---|---|
    | all | all | all |
    | all | rows | columns |
    | columns | columns | a summand |

    Any other product is refused, and whatever takes a summand, or what is a rank's own,
    as if it were of all ranks: a norm, a router, the residual, a bias that each rank
    would add, logits that are no part.

    A model that is not split has no `mega.exchange`.
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
