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

def FPMoE_QkvOp : FPMoE_Op<"qkv", [Pure, AllTypesMatch<["key", "value"]>]> {
  let summary = "Norm, projections to q, k and v, and rotary embedding, as one";
  let description = [{
    With n = rms_norm(x): q = rope(n Wq^T + bq), k = rope(n Wk^T + bk),
    v = n Wv^T + bv, where the weight `[heads + 2 kv_heads, D, H]` and the bias
    `[heads + 2 kv_heads, D]` hold the heads of q, then of k, then of v.

    * `qkv_c1`: weight and bias are shaped as said; q is heads D wide, k and v
      are kv_heads D wide; the table has D columns, the norm H elements.

    Example: `%q, %k, %v = fpmoe.qkv %x, %positions norm %n eps 1.0e-6 weight %w bias %b : tensor<4x4xf32> rope %t : tensor<?x8xf32>, tensor<8xf32>, tensor<4x4x8xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>`
  }];
  let arguments = (ins FPMoE_Rows:$input, FPMoE_Ids:$positions, FPMoE_Weight:$norm,
                       F64Attr:$eps, FPMoE_Weight:$weight, Optional<FPMoE_Weight>:$bias,
                       FPMoE_Weight:$table);
  let results = (outs FPMoE_Rows:$query, FPMoE_Rows:$key, FPMoE_Rows:$value);
  let assemblyFormat = [{
    $input `,` $positions `norm` $norm `eps` $eps `weight` $weight
    (`bias` $bias^ `:` type($bias))? `rope` $table attr-dict
    `:` type($input) `,` type($norm) `,` type($weight) `,` type($table)
    `->` type($query) `,` type($key)
  }];
  let hasVerifier = 1;
}

def FPMoE_MoeOp : FPMoE_Op<"moe", [
    Pure, AttrSizedOperandSegments, AllTypesMatch<["input", "result"]>]> {
  let summary = "A whole feed-forward block: norm, router, experts, residual";
  let description = [{
    With n = rms_norm(x):
    y = x + sum over chosen e of w_e down_e(act_e) + s down_s(act_s), where
    act = silu(gate n) * up n, gate and up are interleaved (`fpmoe.interleave`),
    w comes from `routing` and s = sigmoid(scale n), or 1 without a scale.
    Routed experts or the shared one may be absent: a dense layer has the shared
    one alone.

    * `moe_c1`: `routing`, `names` and the experts' weights stand together; the
      router is there exactly with a token or expert choice.
    * `moe_c2`: gate_up is `[E, 2 P, H]` and down `[E, H, I]` with P = I rounded up to
      a multiple of 16; likewise without E for the shared expert.
    * `moe_c3`: there are routed experts or a shared one.
    * `moe_c4`: a scale is `[1, H]` and comes with a shared expert; the norm has H elements.
    * `moe_c5`: there is one distinct name an expert, and a valid routing.

    Example: `%y = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 shared %gu : tensor<32x8xf32>, %d : tensor<8x6xf32> -> tensor<?x8xf32>`
  }];
  let arguments = (ins FPMoE_Rows:$input, FPMoE_Weight:$norm, F64Attr:$eps,
                       Optional<FPMoE_Weight>:$router, OptionalAttr<FPMoE_Routing>:$routing,
                       Optional<FPMoE_Weight>:$gate_up, Optional<FPMoE_Weight>:$down,
                       OptionalAttr<StrArrayAttr>:$names,
                       Optional<FPMoE_Weight>:$shared_gate_up,
                       Optional<FPMoE_Weight>:$shared_down,
                       Optional<FPMoE_Weight>:$scale);
  let results = (outs FPMoE_Rows:$result);
  let assemblyFormat = [{
    $input `norm` $norm `:` type($norm) `eps` $eps
    (`router` $router^ `:` type($router))? (`by` $routing^)?
    (`experts` $gate_up^ `:` type($gate_up) `,` $down `:` type($down) `names` $names)?
    (`shared` $shared_gate_up^ `:` type($shared_gate_up) `,` $shared_down `:` type($shared_down))?
    (`scaled` $scale^ `:` type($scale))? attr-dict `->` type($input)
  }];
  let hasVerifier = 1;
}

#endif
