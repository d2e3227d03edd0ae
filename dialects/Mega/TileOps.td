//===- TileOps.td - The work of tiles ----------------------*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Activations are `[max_tokens, width]` f32, their width rounded up to 16.
// An operand of a product is packed: `[blocks, K/s, rows, s]`, s being what the
// dot instruction sums (2 for bf16, 1 for f32), K rounded up to 16. Its layout is
// the default one, or strides by which the steps of each row lie together.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_MEGA_TILEOPS_TD
#define FPMOE_DIALECTS_MEGA_TILEOPS_TD

include "dialects/FPMoE/RoutingAttrs.td"
include "dialects/Mega/MegaBase.td"

class Mega_TileOp<string mnemonic, list<Trait> traits = []>
    : Mega_Op<mnemonic, [HasParent<"PhaseOp">,
        DeclareOpInterfaceMethods<Mega_TileOpInterface>] # traits>;

def Mega_EmbedOp : Mega_TileOp<"embed"> {
  let summary = "Takes the tokens' rows of the embedding";
  let description = [{
    Tiles: tokens. The table is packed. Rows are multiplied by `multiplier`, if any.
  }];
  let arguments = (ins Mega_Weight:$table, Mega_Buffer:$x,
                       OptionalAttr<F64Attr>:$multiplier);
  let assemblyFormat = [{
    $table `into` $x (`times` $multiplier^)? attr-dict `:` type($table) `,` type($x)
  }];
}

def Mega_NormOp : Mega_TileOp<"norm"> {
  let summary = "RMS norm of rows into a packed operand";
  let description = [{
    Tiles: blocks, or none. With `logits`, only of the tokens that have logits.
  }];
  let arguments = (ins Mega_Buffer:$x, Mega_Weight:$weight, Mega_Buffer:$operand,
                       F64Attr:$eps, UnitAttr:$logits);
  let assemblyFormat = [{
    $x `,` $weight `into` $operand `eps` $eps (`logits` $logits^)? attr-dict
    `:` type($x) `,` type($weight) `,` type($operand)
  }];
}

def Mega_LowRankOp : Mega_TileOp<"low_rank"> {
  let summary = "Low-rank activations behind the rows of an operand";
  let description = [{
    Tiles: blocks, or none. Of the first `columns` columns of a row, rounded up to 16,
    makes the product with the packed weight, and stores it behind them; elements of
    languages that the row's token does not have become zero. `ranks` are those of
    `fpmoe.linear`.
  }];
  let arguments = (ins Mega_Buffer:$operand, Mega_Weight:$weight, I64Attr:$columns,
                       DenseI64ArrayAttr:$ranks);
  let assemblyFormat = [{
    $operand `,` $weight `columns` $columns `ranks` $ranks attr-dict
    `:` type($operand) `,` type($weight)
  }];
}

def Mega_QkvOp : Mega_TileOp<"qkv", [AttrSizedOperandSegments]> {
  let summary = "Projects a head of q, k or v, finishes it, and stores it";
  let description = [{
    Tiles: heads of q, k and v, groups of `span` blocks. Heads of q go to `[max_tokens, heads, D]`,
    heads of k and v into the cache of the layer. `head` is scratch, `[rows, D]`. Before
    they are stored, heads go through what `fpmoe.qkv` says: bias, norm, clip and
    rotary embedding.
  }];
  let arguments = (ins Mega_Buffer:$operand, Mega_Weight:$weight,
                       Optional<Mega_Weight>:$bias, Optional<Mega_Weight>:$q_norm,
                       Optional<Mega_Weight>:$k_norm, Mega_Weight:$table,
                       Mega_Buffer:$query, Mega_Buffer:$cache, Mega_Buffer:$head,
                       Index:$layer, I64Attr:$heads, I64Attr:$kv_heads,
                       I64Attr:$head_dim, I64Attr:$span, OptionalAttr<F64Attr>:$eps,
                       OptionalAttr<F64Attr>:$clip);
  let assemblyFormat = [{
    $operand `,` $weight (`bias` $bias^ `:` type($bias))?
    (`norms` $q_norm^ `:` type($q_norm) `,` $k_norm `:` type($k_norm))? (`eps` $eps^)?
    (`clip` $clip^)? `rope` $table `into` $query `,` $cache
    `by` $head `layer` $layer `heads` $heads `kv_heads` $kv_heads `head_dim` $head_dim `span` $span attr-dict
    `:` type($operand) `,` type($weight) `,` type($table) `,` type($query) `,`
    type($cache) `,` type($head)
  }];
}

def Mega_HeadsOp : Mega_TileOp<"heads", [AttrSizedOperandSegments]> {
  let summary = "Finishes projected heads of a token and stores them";
  let description = [{
    Tiles: tokens. What `mega.qkv` does behind its product, for rows of q, k and v that
    are there already: norms of whole rows need all heads, and latent attention
    appends `tail` to every head of k. `head` is scratch, `[1, D]`.
  }];
  let arguments = (ins Mega_Buffer:$q, Mega_Buffer:$k, Mega_Buffer:$v,
                       Optional<Mega_Buffer>:$tail, Optional<Mega_Weight>:$q_norm,
                       Optional<Mega_Weight>:$k_norm, Mega_Weight:$table,
                       Mega_Buffer:$query, Mega_Buffer:$cache, Mega_Buffer:$head,
                       Index:$layer, I64Attr:$heads, I64Attr:$kv_heads,
                       I64Attr:$head_dim, I64Attr:$value_dim, OptionalAttr<F64Attr>:$eps,
                       OptionalAttr<F64Attr>:$clip);
  let assemblyFormat = [{
    $q `,` $k `,` $v (`tail` $tail^ `:` type($tail))?
    (`norms` $q_norm^ `:` type($q_norm) `,` $k_norm `:` type($k_norm))? (`eps` $eps^)?
    (`clip` $clip^)? `rope` $table `into` $query `,` $cache `by` $head
    `layer` $layer `heads` $heads `kv_heads` $kv_heads `head_dim` $head_dim
    `value_dim` $value_dim attr-dict `:` type($q) `,` type($k) `,` type($v) `,`
    type($table) `,` type($query) `,` type($cache) `,` type($head)
  }];
}

def Mega_AttentionOp : Mega_TileOp<"attention"> {
  let summary = "Attention of a head over the cache";
  let description = [{
    Tiles: heads and blocks. For one token, tiles are key/value heads, and a
    tile takes all heads that share it. Heads of q and k have `head_dim` columns, those
    of v `value_dim`. `scores` is scratch, `[rows, context + 16]`.
  }];
  let arguments = (ins Mega_Buffer:$query, Mega_Buffer:$cache, Mega_Buffer:$operand,
                       Mega_Buffer:$scores, Index:$layer, I64Attr:$heads,
                       I64Attr:$kv_heads, I64Attr:$head_dim, I64Attr:$value_dim,
                       F64Attr:$scale, OptionalAttr<I64Attr>:$window);
  let assemblyFormat = [{
    $query `,` $cache `into` $operand `by` $scores `layer` $layer `heads` $heads
    `kv_heads` $kv_heads `head_dim` $head_dim `value_dim` $value_dim `scale` $scale (`window` $window^)? attr-dict
    `:` type($query) `,` type($cache) `,` type($operand) `,` type($scores)
  }];
}

def Mega_LinearOp : Mega_TileOp<"linear"> {
  let summary = "Columns of a product";
  let description = [{
    Tiles: chunks of `panels` panels, groups of `span` blocks. The product, with the
    bias added and multiplied by `multiplier`, where there are any, is added to the activations with
    `accumulate`, else written (logits: rows of the tokens that have logits, `columns` of them).
  }];
  let arguments = (ins Mega_Buffer:$operand, Mega_Weight:$weight,
                       Optional<Mega_Weight>:$bias, Mega_Buffer:$out,
                       I64Attr:$columns, I64Attr:$panels, I64Attr:$span, UnitAttr:$accumulate,
                       OptionalAttr<F64Attr>:$multiplier);
  let assemblyFormat = [{
    $operand `,` $weight (`bias` $bias^ `:` type($bias))? `into` $out `columns` $columns
    `panels` $panels `span` $span (`accumulate` $accumulate^)? (`times` $multiplier^)? attr-dict
    `:` type($operand) `,` type($weight) `,` type($out)
  }];
}

def Mega_KeepRowsOp : Mega_TileOp<"keep_rows"> {
  let summary = "Keeps the rows that go into a layer";
  let description = [{
    Tiles: tokens. The first `columns` columns of the rows of tokens that have
    logits go to `out`, the logits of a program that gives the inputs of its layers
    instead, into columns `layer` times `columns` and on.
  }];
  let arguments = (ins Mega_Buffer:$x, Mega_Buffer:$out, Index:$layer,
                       I64Attr:$columns);
  let assemblyFormat = [{
    $x `into` $out `layer` $layer `columns` $columns attr-dict
    `:` type($x) `,` type($out)
  }];
}

def Mega_RouteOp : Mega_TileOp<"route", [AttrSizedOperandSegments]> {
  let summary = "Norm, router and shared gate of tokens";
  let description = [{
    Tiles: blocks, or none. Writes the normalised rows (`[max_tokens, K]`, in the
    format of the operands), the chosen experts `[max_tokens, top_k]` (-1: none), and the
    weights of routed and shared experts, `[max_tokens, top_k + 1]`, times `multiplier`,
    if any. `scores` is scratch, as large as the router's rows, its candidates and its
    groups together.
  }];
  let arguments = (ins Mega_Buffer:$x, Mega_Weight:$norm, Optional<Mega_Weight>:$router,
                       Optional<Mega_Weight>:$scale, Mega_Buffer:$rows,
                       Mega_Buffer:$experts, Mega_Buffer:$weights, Mega_Buffer:$scores, Index:$layer, F64Attr:$eps,
                       OptionalAttr<FPMoE_Routing>:$routing, I64Attr:$num_experts,
                       OptionalAttr<F64Attr>:$multiplier);
  let assemblyFormat = [{
    $x `norm` $norm (`router` $router^ `:` type($router))?
    (`scaled` $scale^ `:` type($scale))? `into` $rows `,` $experts `,` $weights `by` $scores
    `layer` $layer `eps` $eps (`routing` $routing^)? `experts` $num_experts (`times` $multiplier^)? attr-dict `:` type($x) `,` type($norm) `,`
    type($rows) `,` type($experts) `,` type($weights) `,` type($scores)
  }];
  let extraClassDeclaration = [{
    /// Routed experts that a token of this program takes at most.
    int64_t getNumTaken() { return getWeights().getType().getDimSize(1) - 1; }
    /// How many of them, the first ones, are worth telling people: those that
    /// the token chose.
    int64_t getNumRecorded();
  }];
}

def Mega_SegmentScoresOp : Mega_TileOp<"segment_scores"> {
  let summary = "Scores of complete segments";
  let description = [{
    Tiles: segments. Of every segment that the step completes, the softmax of the
    router's rows for the segment level, `[segments, rows]`, those of experts in the
    program first. `pooled` is scratch, one row of activations. The rule is a `fpmoe.two_level`.
  }];
  let arguments = (ins Mega_Buffer:$x, Mega_Weight:$norm, Mega_Weight:$router,
                       Mega_Buffer:$scores, Mega_Buffer:$pooled, F64Attr:$eps,
                       FPMoE_TwoLevel:$routing);
  let assemblyFormat = [{
    $x `norm` $norm `router` $router `into` $scores `by` $pooled `eps` $eps `routing` $routing
    attr-dict `:` type($x) `,` type($norm) `,` type($router) `,` type($scores) `,` type($pooled)
  }];
}

def Mega_SegmentChooseOp : Mega_TileOp<"segment_choose"> {
  let summary = "Gives the tokens of complete segments their experts";
  let description = [{
    Tiles: one. By the rule that the step asks for, published or causal, adds the
    experts of its segment to the list that `mega.route` made for a token. `taken` is
    scratch, `[segments, rows]`, and a number for each segment.
  }];
  let arguments = (ins Mega_Buffer:$scores, Mega_Buffer:$experts, Mega_Buffer:$weights,
                       Mega_Buffer:$taken, FPMoE_TwoLevel:$routing);
  let assemblyFormat = [{
    $scores `into` $experts `,` $weights `by` $taken `routing` $routing attr-dict
    `:` type($scores) `,` type($experts) `,` type($weights) `,` type($taken)
  }];
}

def Mega_GroupOp : Mega_TileOp<"group"> {
  let summary = "Groups the step's tokens by expert";
  let description = [{
    Tiles: none. Writes the table of groups: for each routed expert, then for
    the shared one, the blocks of its tokens and their weights (lib/Kernels/Groups.h).
  }];
  let arguments = (ins Mega_Buffer:$experts, Mega_Buffer:$weights, Mega_Buffer:$groups,
                       I64Attr:$num_experts, BoolAttr:$shared);
  let assemblyFormat = [{
    $experts `,` $weights `into` $groups `experts` $num_experts `shared` $shared attr-dict
    `:` type($experts) `,` type($weights) `,` type($groups)
  }];
}

def Mega_GatherOp : Mega_TileOp<"gather"> {
  let summary = "Packs the rows of the groups' blocks";
  let description = [{
    Tiles: slots.
  }];
  let arguments = (ins Mega_Buffer:$rows, Mega_Buffer:$groups, Mega_Buffer:$operand);
  let assemblyFormat = [{
    $rows `by` $groups `into` $operand attr-dict `:` type($rows) `,` type($groups) `,`
    type($operand)
  }];
}

def Mega_ExpertUpOp : Mega_TileOp<"expert_up", [AttrSizedOperandSegments]> {
  let summary = "silu(gate x) * up x of some columns of one expert";
  let description = [{
    Tiles: one dimension over all experts' chunks of `pairs` pairs of a gate and an
    up panel, the shared expert's first. The result, times the expert's weight,
    is the packed operand of the second product. For one token the experts come from `experts`
    and `weights`; for many, `groups` says which blocks an expert has.
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

def Mega_ExpertDownOp : Mega_TileOp<"expert_down", [AttrSizedOperandSegments]> {
  let summary = "Columns of the second product, summed over the experts";
  let description = [{
    Tiles: chunks of `panels` panels. Adds to the activations the shared expert's product, then the routed experts' in their order; K is taken
    `steps` steps at a time.
  }];
  let arguments = (ins Mega_Buffer:$act, Optional<Mega_Weight>:$down,
                       Optional<Mega_Weight>:$shared_down, Optional<Mega_Buffer>:$groups,
                       Optional<Mega_Buffer>:$experts, Mega_Buffer:$x,
                       I64Attr:$panels, I64Attr:$steps);
  let assemblyFormat = [{
    $act (`experts` $down^ `:` type($down))? (`shared` $shared_down^ `:` type($shared_down))?
    (`groups` $groups^ `:` type($groups))? (`chosen` $experts^ `:` type($experts))?
    `into` $x `panels` $panels `steps` $steps attr-dict `:` type($act) `,` type($x)
  }];
}

def Mega_Dot2Op : Mega_Op<"dot2", [Pure, AllTypesMatch<["acc", "result"]>, AllTypesMatch<["lhs", "rhs"]>]> {
  let summary = "Sums of two bf16 products, added to f32";
  let description = [{
    result[i] = acc[i] + lhs[2i] rhs[2i] + lhs[2i+1] rhs[2i+1]. Lowered to what the
    instruction set has, where the order and the rounding of the sums may differ.

    * `dot2_c1`: lhs and rhs have two elements for each of the result.

    Example: `%r = mega.dot2 %acc, %a, %b : vector<16xf32>, vector<32xbf16>`
  }];
  let arguments = (ins VectorOfRankAndType<[1], [F32]>:$acc,
                       VectorOfRankAndType<[1], [BF16]>:$lhs,
                       VectorOfRankAndType<[1], [BF16]>:$rhs);
  let results = (outs VectorOfRankAndType<[1], [F32]>:$result);
  let assemblyFormat = "$acc `,` $lhs `,` $rhs attr-dict `:` type($acc) `,` type($lhs)";
  let hasVerifier = 1;
}

#endif
