//===- ExpertOps.td - Tiles of routed experts --------------*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// From the router to the second product of the experts. For many tokens, the
// tokens of each expert form blocks of their own, the expert blocks.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_MEGA_EXPERTOPS_TD
#define FPMOE_DIALECTS_MEGA_EXPERTOPS_TD

include "dialects/Mega/TileOps.td"

def Mega_RouteOp : Mega_TileOp<"route", [AttrSizedOperandSegments]> {
  let summary = "Norm, router and shared gate of tokens";
  let description = [{
    Tiles: blocks or tokens, or none. Writes the normalised rows, as an operand of one row each,
    the chosen experts `[max_tokens, top_k]` (-1: none), the best first, and the
    weights of routed and shared experts, `[max_tokens, top_k + 1]`, times `multiplier`,
    if any. `scores` is scratch, as large as the router's rows, its candidates and its
    groups together. `forced` are the experts that the step forces for its tokens, or -1.

    * `route_c1`: rows, experts and weights have one row a token, weights one column
      more than there are experts taken; the norm has as many elements as x has
      columns, rounded up to whole vectors.
    * `route_c2`: the routing is `token_choice`, `fixed` or `two_level`.
    * `route_c3`: there is a routing exactly where experts are taken, a router where
      it needs one, and `forced` with a token choice.

    Example: see test/dialects/Mega/tiles.mlir.
  }];
  let arguments = (ins Mega_Buffer:$x, Mega_Weight:$norm, Optional<Mega_Weight>:$router,
                       Optional<Mega_Weight>:$scale, Optional<Mega_Buffer>:$forced,
                       Mega_Buffer:$rows, Mega_Buffer:$experts, Mega_Buffer:$weights,
                       Mega_Buffer:$scores, F64Attr:$eps,
                       OptionalAttr<FPMoE_Routing>:$routing, I64Attr:$num_experts,
                       OptionalAttr<F64Attr>:$multiplier);
  let assemblyFormat = [{
    $x `norm` $norm (`router` $router^ `:` type($router))?
    (`scaled` $scale^ `:` type($scale))? (`forced` $forced^ `:` type($forced))?
    `into` $rows `,` $experts `,` $weights `by` $scores
    `eps` $eps (`routing` $routing^)? `experts` $num_experts (`times` $multiplier^)?
    attr-dict `:` type($x) `,` type($norm) `,`
    type($rows) `,` type($experts) `,` type($weights) `,` type($scores)
  }];
  let extraClassDeclaration = [{
    /// Routed experts that a token of this program takes at most.
    int64_t getNumTaken() { return getWeights().getType().getDimSize(1) - 1; }
  }];
}

def Mega_RecordRoutesOp : Mega_TileOp<"record_routes"> {
  let summary = "Tells the caller which experts were chosen";
  let description = [{
    Tiles: tokens. Copies the first `columns` experts of a token, -1 where there are
    less or none, to the caller's `[layers, max_tokens, columns]`, if they are wanted;
    `max_tokens` is that of the largest program.

    * `record_routes_c1`: columns and max_tokens are positive.

    Example: `mega.record_routes of %chosen : memref<1x1xi32> into %routes layer %layer columns 1 max_tokens 512 : memref<?xi32>`
  }];
  let arguments = (ins Optional<Mega_Buffer>:$experts, Mega_Buffer:$routes,
                       Index:$layer, I64Attr:$columns, I64Attr:$max_tokens);
  let assemblyFormat = [{
    (`of` $experts^ `:` type($experts))? `into` $routes `layer` $layer
    `columns` $columns `max_tokens` $max_tokens attr-dict `:` type($routes)
  }];
}

def Mega_SegmentScoresOp : Mega_TileOp<"segment_scores"> {
  let summary = "Scores of complete segments";
  let description = [{
    Tiles: segments. Of every segment that the step completes, the softmax of the
    router's rows for the segment level, `[segments, rows]`, those of experts in the
    program first. `pooled` is scratch, one row of activations. The rule is a
    `fpmoe.two_level`; `segments` are the rows that complete segments begin at.

    * `segment_scores_c1`: the router has rows of both levels, scratch has the columns
      of x.

    Example: see test/passes/Schedule/segments.mlir.
  }];
  let arguments = (ins Mega_Buffer:$x, Mega_Weight:$norm, Mega_Weight:$router,
                       Mega_Buffer:$segments, Mega_Buffer:$scores,
                       Mega_Buffer:$pooled, F64Attr:$eps, FPMoE_TwoLevel:$routing);
  let assemblyFormat = [{
    $x `norm` $norm `router` $router `of` $segments `into` $scores `by` $pooled
    `eps` $eps `routing` $routing attr-dict `:` type($x) `,` type($norm) `,`
    type($router) `,` type($segments) `,` type($scores) `,` type($pooled)
  }];
}

def Mega_SegmentChooseOp : Mega_TileOp<"segment_choose"> {
  let summary = "Gives the tokens of complete segments their experts";
  let description = [{
    Tiles: one. By the rule that the step asks for, published or causal, adds the
    experts of its segment to the list that `mega.route` made for a token. `taken` is
    scratch, `[segments, rows]`, and a number for each segment.

    * `segment_choose_c1`: scratch has room for the scores and a number a segment.

    Example: see test/passes/Schedule/segments.mlir.
  }];
  let arguments = (ins Mega_Buffer:$scores, Mega_Buffer:$segments, Mega_Buffer:$experts,
                       Mega_Buffer:$weights, Mega_Buffer:$taken, FPMoE_TwoLevel:$routing);
  let assemblyFormat = [{
    $scores `of` $segments `into` $experts `,` $weights `by` $taken `routing` $routing
    attr-dict `:` type($scores) `,` type($segments) `,` type($experts) `,`
    type($weights) `,` type($taken)
  }];
}

def Mega_GroupOp : Mega_TileOp<"group"> {
  let summary = "Groups the step's tokens by expert";
  let description = [{
    Tiles: one, or none. Writes the table of groups: for each routed expert, then for the
    shared one, the blocks of its tokens and their weights, as `GroupTableLayout`
    (dialects/Mega/Mega.h) says.

    * `group_c1`: the table has the size that its groups and blocks need.

    Example: see test/dialects/Mega/tiles.mlir.
  }];
  let arguments = (ins Mega_Buffer:$experts, Mega_Buffer:$weights, Mega_Buffer:$groups,
                       I64Attr:$num_experts, BoolAttr:$shared);
  let assemblyFormat = [{
    $experts `,` $weights `into` $groups `experts` $num_experts `shared` $shared attr-dict
    `:` type($experts) `,` type($weights) `,` type($groups)
  }];
}

def Mega_GatherOp : Mega_TileOp<"gather", [], ["allowsTileSize"]> {
  let summary = "Packs the rows of the expert blocks";
  let description = [{
    Tiles: expert blocks.

    * `gather_c1`: rows are one-row operands of the same element and columns as the
      operand.

    Example: see test/dialects/Mega/tiles.mlir.
  }];
  let arguments = (ins Mega_Buffer:$rows, Mega_Buffer:$groups, Mega_Buffer:$operand);
  let assemblyFormat = [{
    $rows `by` $groups `into` $operand attr-dict `:` type($rows) `,` type($groups) `,`
    type($operand)
  }];
}

def Mega_ExpertUpOp : Mega_TileOp<"expert_up", [AttrSizedOperandSegments], ["getProduct"]> {
  let summary = "silu(gate x) * up x of some columns of one expert";
  let description = [{
    Tiles: one dimension over all experts' chunks of `pairs` pairs of a gate and an
    up vector, the shared expert's first. The result, times the expert's weight,
    is the packed operand of the second product. For one token the experts come from
    `experts` and `weights`; for many, `groups` says which blocks an expert has.

    * `expert_up_c1`: there are routed experts, `[E, 2 I, K]`, or a shared one,
      `[2 I, K]`, packed in halves; the operand has their K.
    * `expert_up_c2`: either `groups` or `experts` and `weights` are given.
    * `expert_up_c3`: pairs is positive.

    Example: see test/dialects/Mega/tiles.mlir.
  }];
  let arguments = (ins Mega_Buffer:$operand, Optional<Mega_Weight>:$gate_up,
                       Optional<Mega_Weight>:$shared_gate_up, Optional<Mega_Buffer>:$groups,
                       Optional<Mega_Buffer>:$experts, Optional<Mega_Buffer>:$weights,
                       Mega_Buffer:$act, I64Attr:$pairs);
  let assemblyFormat = [{
    $operand (`experts` $gate_up^ `:` type($gate_up))?
    (`shared` $shared_gate_up^ `:` type($shared_gate_up))?
    (`groups` $groups^ `:` type($groups))?
    (`chosen` $experts^ `:` type($experts) `,` $weights `:` type($weights))?
    `into` $act `pairs` $pairs attr-dict `:` type($operand) `,` type($act)
  }];
}

def Mega_ExpertDownOp : Mega_TileOp<"expert_down", [AttrSizedOperandSegments], ["getProduct"]> {
  let summary = "Columns of the second product, summed over the experts";
  let description = [{
    Tiles: chunks of `vectors` vectors of 16 columns. Adds to the activations the shared
    expert's product, then the routed experts' in the order of the experts; of each, K
    is taken `depth` elements at a time, and what they give is added. Of weights of S
    shards, `[E, S, N, K]` and `[S, N, K]`, each multiplies its K columns of `act`; the sums
    of a shard, from zero on, go to its place in x, `[S, max_tokens, N]`, and the tiles are
    those of the shards, one shard behind the other.

    * `expert_down_c1`: there are routed experts, `[E, N, I]`, or a shared one,
      `[N, I]`, packed; `act` has the larger of their I.
    * `expert_down_c2`: `depth` is a positive multiple of 16, vectors is positive.
    * `expert_down_c3`: x has as many shards as each weight, and their K is a whole
      number of vectors, or of groups of integers.

    Example: see test/dialects/Mega/tiles.mlir.
  }];
  let arguments = (ins Mega_Buffer:$act, Optional<Mega_Weight>:$down,
                       Optional<Mega_Weight>:$shared_down, Optional<Mega_Buffer>:$groups,
                       Optional<Mega_Buffer>:$experts, Mega_Buffer:$x,
                       I64Attr:$vectors, I64Attr:$depth);
  let assemblyFormat = [{
    $act (`experts` $down^ `:` type($down))? (`shared` $shared_down^ `:` type($shared_down))?
    (`groups` $groups^ `:` type($groups))? (`chosen` $experts^ `:` type($experts))?
    `into` $x `vectors` $vectors `depth` $depth attr-dict `:` type($act) `,` type($x)
  }];
}

#endif
