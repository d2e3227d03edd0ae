//===- FusedOps.td - What the fuse phase makes -------------*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_FPMOE_FUSEDOPS_TD
#define FPMOE_DIALECTS_FPMOE_FUSEDOPS_TD

include "dialects/FPMoE/FPMoEBase.td"
include "dialects/FPMoE/RoutingAttrs.td"

def FPMoE_HeadsOp : FPMoE_Op<"heads", [Pure, AttrSizedOperandSegments]> {
  let summary = "What projected heads go through before attention";
  let description = [{
    query = rope(clip(norm_q(q))), key = rope(clip(norm_k(k))), value = clip(v),
    each step where it is given: norms of whole rows or of every head, `clip` as
    `fpmoe.clamp`, rotary embedding of the last columns of every head as
    `fpmoe.rope`. With `tail`, key is instead `fpmoe.extend_heads` of k and rope(tail).

    Where a model is split over ranks, q, k and v are a rank's heads, in so many
    `shards`, and norms of whole rows are those of the rows of all ranks: squares are
    summed in each shard, and these sums are added as those of `fpmoe.linear`.

    * `heads_c1`: q and query are `heads`, k, v, key and value are `kv_heads` heads,
      query and key of one width, which is that of k and the tail together.
    * `heads_c2`: norms come together and with `eps`, not with a tail, and are as wide
      as a row or as a head.
    * `heads_c3`: the table is even, no wider than a head of the query, and as wide
      as the tail; `clip` is positive.
    * `heads_c4`: shards come with norms of whole rows, and q and k are so many whole
      vectors of 16 columns.

    Example: `%query, %key, %value = fpmoe.heads %q, %k, %v, %positions rope %t heads 2 kv_heads 1 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>`
  }];
  let arguments = (ins FPMoE_Rows:$q, FPMoE_Rows:$k, FPMoE_Rows:$v, FPMoE_Ids:$positions,
                       Optional<FPMoE_Rows>:$tail, Optional<FPMoE_Weight>:$q_norm,
                       Optional<FPMoE_Weight>:$k_norm, OptionalAttr<F64Attr>:$eps,
                       OptionalAttr<F64Attr>:$clip, FPMoE_Weight:$table,
                       I64Attr:$heads, I64Attr:$kv_heads, OptionalAttr<I64Attr>:$shards);
  let results = (outs FPMoE_Rows:$query, FPMoE_Rows:$key, FPMoE_Rows:$value);
  let assemblyFormat = [{
    $q `,` $k `,` $v `,` $positions (`tail` $tail^ `:` type($tail))?
    (`norms` $q_norm^ `:` type($q_norm) `,` $k_norm `:` type($k_norm))? (`eps` $eps^)?
    (`clip` $clip^)? `rope` $table `heads` $heads `kv_heads` $kv_heads
    (`shards` $shards^)? attr-dict
    `:` type($q) `,` type($k) `,` type($v) `,` type($table)
    `->` type($query) `,` type($key) `,` type($value)
  }];
  let hasVerifier = 1;
}

def FPMoE_QkvOp : FPMoE_Op<"qkv", [
    Pure, DeclareOpInterfaceMethods<FPMoE_MatricesOpInterface>,
    AttrSizedOperandSegments, AllTypesMatch<["key", "value"]>]> {
  let summary = "Norm, projections to q, k and v, and rotary embedding, as one";
  let description = [{
    With n = rms_norm(x): q = rope(n Wq^T + bq), k = rope(n Wk^T + bk),
    v = n Wv^T + bv, where the weight `[heads + 2 kv_heads, D, H]` and the bias
    `[heads + 2 kv_heads, D]` hold the heads of q, then of k, then of v. Before
    their rotary embedding heads of q and k are normalised with `head_norms`, and
    all are clipped with `clip`, where those are given. With `low_rank`, n is widened
    as `fpmoe.linear` widens its input.

    * `qkv_c1`: weight and bias are shaped as said; q is heads D wide, k and v
      are kv_heads D wide; the table has D columns, the norm H elements; with
      `low_rank`, the weight has the columns of the widened n in the place of H.
    * `qkv_c2`: norms of heads have D elements and come together with `head_eps`;
      `clip` is positive.
    * `qkv_c3`: `low_rank` is `[R, H]` and comes with `ranks`, which are not negative
      and sum up to R.

    Example: `%q, %k, %v = fpmoe.qkv %x, %positions norm %n eps 1.0e-6 weight %w bias %b : tensor<4x4xf32> rope %t : tensor<?x8xf32>, tensor<8xf32>, tensor<4x4x8xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>`
  }];
  let arguments = (ins FPMoE_Rows:$input, FPMoE_Ids:$positions, FPMoE_Weight:$norm,
                       F64Attr:$eps, FPMoE_Weight:$weight, Optional<FPMoE_Weight>:$bias,
                       Optional<FPMoE_Weight>:$q_norm, Optional<FPMoE_Weight>:$k_norm,
                       OptionalAttr<F64Attr>:$head_eps, OptionalAttr<F64Attr>:$clip,
                       FPMoE_Weight:$table, Optional<FPMoE_Weight>:$low_rank,
                       OptionalAttr<DenseI64ArrayAttr>:$ranks);
  let results = (outs FPMoE_Rows:$query, FPMoE_Rows:$key, FPMoE_Rows:$value);
  let assemblyFormat = [{
    $input `,` $positions `norm` $norm `eps` $eps `weight` $weight
    (`bias` $bias^ `:` type($bias))?
    (`head_norms` $q_norm^ `:` type($q_norm) `,` $k_norm `:` type($k_norm))?
    (`head_eps` $head_eps^)? (`clip` $clip^)?
    (`low_rank` $low_rank^ `:` type($low_rank))? (`ranks` $ranks^)? `rope` $table attr-dict
    `:` type($input) `,` type($norm) `,` type($weight) `,` type($table)
    `->` type($query) `,` type($key)
  }];
  let hasVerifier = 1;
}

def FPMoE_MoeOp : FPMoE_Op<"moe", [
    Pure, DeclareOpInterfaceMethods<FPMoE_MatricesOpInterface>,
    AttrSizedOperandSegments, AllTypesMatch<["input", "result"]>]> {
  let summary = "A whole feed-forward block: norm, router, experts, residual";
  let description = [{
    With n = rms_norm(x):
    y = x + m (sum over chosen e of w_e down_e(act_e) + s down_s(act_s)), where
    act = silu(gate n) * up n, gate are the first half of the rows of gate_up, up the second,
    w comes from `routing`, s = sigmoid(scale n), or 1 without a scale, and m is
    `multiplier`, or 1.
    Routed experts or the shared one may be absent: a dense layer has the shared
    one alone. Its products may have low ranks, as those of `fpmoe.mlp`. Where a model is
    split over ranks, down can be a rank's shards, whose products are added as those of
    `fpmoe.linear`.

    * `moe_c1`: `routing`, `names` and the experts' weights stand together; the
      router is there exactly with a token or expert choice.
    * `moe_c2`: gate_up is `[E, 2 I, H]` and down `[E, H, I]`, or of shards
      `[E, S, H, I / S]`, with the same S in all; likewise without E for the shared expert.
    * `moe_c3`: there are routed experts or a shared one.
    * `moe_c4`: a scale is `[1, H]` and comes with a shared expert; the norm has H elements.
    * `moe_c5`: there is one name an expert, distinct on each level of the routing,
      which is valid.
    * `moe_c6`: low ranks come with a shared expert without scale and without routed
      ones; they are `[R, H]` and `[R, I]`, or of shards `[S, R, I / S]`, and come with
      their ranks, which are not negative and sum up to R; the weights have the columns
      of their widened inputs.

    Example: `%y = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 shared %gu : tensor<12x8xf32>, %d : tensor<8x6xf32> -> tensor<?x8xf32>`
  }];
  let arguments = (ins FPMoE_Rows:$input, FPMoE_Weight:$norm, F64Attr:$eps,
                       Optional<FPMoE_Weight>:$router, OptionalAttr<FPMoE_Routing>:$routing,
                       Optional<FPMoE_Weight>:$gate_up, Optional<FPMoE_Weight>:$down,
                       OptionalAttr<StrArrayAttr>:$names,
                       Optional<FPMoE_Weight>:$shared_gate_up,
                       Optional<FPMoE_Weight>:$shared_down,
                       Optional<FPMoE_Weight>:$scale,
                       OptionalAttr<F64Attr>:$multiplier,
                       Optional<FPMoE_Weight>:$up_low_rank,
                       OptionalAttr<DenseI64ArrayAttr>:$up_ranks,
                       Optional<FPMoE_Weight>:$down_low_rank,
                       OptionalAttr<DenseI64ArrayAttr>:$down_ranks);
  let results = (outs FPMoE_Rows:$result);
  let assemblyFormat = [{
    $input `norm` $norm `:` type($norm) `eps` $eps
    (`router` $router^ `:` type($router))? (`by` $routing^)?
    (`experts` $gate_up^ `:` type($gate_up) `,` $down `:` type($down) `names` $names)?
    (`shared` $shared_gate_up^ `:` type($shared_gate_up) `,` $shared_down `:` type($shared_down))?
    (`scaled` $scale^ `:` type($scale))? (`times` $multiplier^)?
    (`up_low_rank` $up_low_rank^ `:` type($up_low_rank))? (`up_ranks` $up_ranks^)?
    (`down_low_rank` $down_low_rank^ `:` type($down_low_rank))?
    (`down_ranks` $down_ranks^)? attr-dict `->` type($input)
  }];
  let hasVerifier = 1;
}

#endif
