//===- ModelOps.td - What the model computes ---------------*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_FPMOE_MODELOPS_TD
#define FPMOE_DIALECTS_FPMOE_MODELOPS_TD

include "dialects/FPMoE/FPMoEBase.td"
include "dialects/FPMoE/RoutingAttrs.td"

def FPMoE_GetOp : FPMoE_Op<"get", [
    Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "A weight of the model";
  let description = [{
    * `get_c1`: the symbol is a weight of the result's type.
    * `get_c2`: a layer is given exactly where the weight has layers.

    Example: `%w = fpmoe.get @q_proj[%layer] : tensor<8x8xf32>`
  }];
  let arguments = (ins FlatSymbolRefAttr:$weight, Optional<Index>:$layer);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = "$weight (`[` $layer^ `]`)? attr-dict `:` type($result)";
}

def FPMoE_LayersOp : FPMoE_Op<"layers", [
    DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    AllTypesMatch<["input", "result"]>]> {
  let summary = "Runs the layers of the model one after the other";
  let description = [{
    Layer i is a call of the body `bodies[order[i]]` with the activations, the
    positions of the tokens and i. Equal layers share a body, so that the IR
    does not grow with the depth of the model.

    * `layers_c1`: every entry of `order` names a body, and every body is used.
    * `layers_c2`: every body is a function `(rows, positions, index) -> rows`.
    * `layers_c3`: a weight that a body gets has an instance for each layer of the body.
    * `layers_c4`: no body runs layers of its own.

    Example: `%y = fpmoe.layers %x, %positions bodies [@sparse, @dense] order [0, 1] : tensor<?x8xf32>`
  }];
  let arguments = (ins FPMoE_Rows:$input, FPMoE_Ids:$positions,
                       FlatSymbolRefArrayAttr:$bodies, DenseI64ArrayAttr:$order);
  let results = (outs FPMoE_Rows:$result);
  let assemblyFormat = [{
    $input `,` $positions `bodies` $bodies `order` $order attr-dict `:` type($input)
  }];
  let hasVerifier = 1;
}

def FPMoE_EmbeddingOp : FPMoE_Op<"embedding", [Pure, DeclareOpInterfaceMethods<FPMoE_MatricesOpInterface>]> {
  let summary = "Rows of a table by token id";
  let description = [{
    The rows are multiplied by `multiplier`, where it is given. Of a model that is
    split over ranks, a table that has less rows than there are ids is a rank's part; of
    the other ranks' tokens it gives zeros.

    * `embedding_c1`: a row of the table is as wide as a row of the result.

    Example: `%x = fpmoe.embedding %ids, %table : tensor<16x8xf32> -> tensor<?x8xf32>`
  }];
  let arguments = (ins FPMoE_Ids:$ids, FPMoE_Weight:$table,
                       OptionalAttr<F64Attr>:$multiplier);
  let results = (outs FPMoE_Rows:$result);
  let assemblyFormat = [{
    $ids `,` $table (`times` $multiplier^)? attr-dict `:` type($table) `->` type($result)
  }];
  let hasVerifier = 1;
}

def FPMoE_RmsNormOp : FPMoE_Op<"rms_norm", [
    Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "Root-mean-square normalisation of every row, or of every head";
  let description = [{
    y = w * x / sqrt(mean(x^2) + eps). Where the weight is narrower than the rows,
    each group of as many columns is a head, normalised by itself.

    * `rms_norm_c1`: the columns are whole groups as wide as the weight.
    * `rms_norm_c2`: eps is positive.

    Example: `%y = fpmoe.rms_norm %x, %w eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>`
  }];
  let arguments = (ins FPMoE_Rows:$input, FPMoE_Weight:$weight, F64Attr:$eps);
  let results = (outs FPMoE_Rows:$result);
  let assemblyFormat = "$input `,` $weight `eps` $eps attr-dict `:` type($input) `,` type($weight)";
  let hasVerifier = 1;
}

def FPMoE_LinearOp : FPMoE_Op<"linear", [
    Pure, AttrSizedOperandSegments, DeclareOpInterfaceMethods<FPMoE_MatricesOpInterface>]> {
  let summary = "x W^T, with what fusion puts around it";
  let description = [{
    y = multiplier (norm(x) W^T + bias) + residual, where each of norm (RMS, with
    `eps`), bias, multiplier and residual is optional. The fuse phase moves norms,
    multipliers and residuals in.

    With `low_rank`, the input of the product is widened: behind norm(x) stands
    u = A norm(x), in which only those elements are kept that the token's language has. `ranks` says whose they are:
    the first so many are kept for every token, the next for language 0, and so on; a
    token without a language keeps the first alone. With W = [W0 | B], y is W0 x + B u: a base and an adapter for each language.
    Languages of tokens are not in the graph: who runs it gives them.

    Where a model is split over ranks, x can be a rank's columns and W `[S, out, k]`, its
    shards of k columns. What the shards of all ranks give is added, neighbours
    first, then pairs of them, and so on, and stands for x W^T. Each shard widens its
    own columns of x, with its own part of A; B is the same in all.

    * `linear_c1`: W is `[out, in]`; x has `in` columns and y has `out`; with
      `low_rank`, W has the columns of the widened input, which in shards are those of
      each. Of shards, x has S k columns.
    * `linear_c2`: the norm has `in` elements and comes with `eps`, the bias has `out`,
      the residual is shaped like y.
    * `linear_c3`: `low_rank` is `[R, in]`, or of shards `[S, R, k]`, and comes with
      `ranks`, which are not negative and sum up to R.

    Example: `%y = fpmoe.linear %x, %w bias %b : tensor<4xf32> : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>`
  }];
  let arguments = (ins FPMoE_Rows:$input, FPMoE_Weight:$weight,
                       Optional<FPMoE_Weight>:$norm, OptionalAttr<F64Attr>:$eps,
                       Optional<FPMoE_Weight>:$bias, Optional<FPMoE_Rows>:$residual,
                       OptionalAttr<F64Attr>:$multiplier,
                       Optional<FPMoE_Weight>:$low_rank, OptionalAttr<DenseI64ArrayAttr>:$ranks);
  let results = (outs FPMoE_Rows:$result);
  let assemblyFormat = [{
    $input `,` $weight (`norm` $norm^ `:` type($norm))? (`eps` $eps^)?
    (`bias` $bias^ `:` type($bias))? (`residual` $residual^ `:` type($residual))?
    (`times` $multiplier^)?
    (`low_rank` $low_rank^ `:` type($low_rank))? (`ranks` $ranks^)?
    attr-dict `:` type($input) `,` type($weight) `->` type($result)
  }];
  let builders = [OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$input,
                                 "::mlir::Value":$weight, "::mlir::Value":$norm,
                                 "::mlir::FloatAttr":$eps, "::mlir::Value":$bias,
                                 "::mlir::Value":$residual,
                                 "::mlir::FloatAttr":$multiplier), [{
    build($_builder, $_state, result, input, weight, norm, eps, bias, residual,
          multiplier, ::mlir::Value(), ::mlir::DenseI64ArrayAttr());
  }]>];
  let hasVerifier = 1;
}

def FPMoE_RopeOp : FPMoE_Op<"rope", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "Rotary position embedding of every head";
  let description = [{
    In the last D columns of every head, D being the width of the table, with c and
    s from row `position` of the table:
    y[i] = x[i] c[i] - x[i + D/2] s[i], y[i + D/2] = x[i + D/2] c[i] + x[i] s[i].
    A head is `head_dim` columns wide, D where that is not given.

    * `rope_c1`: the columns are whole heads, no narrower than the table, which has
      an even width.

    Example: `%y = fpmoe.rope %x, %positions, %table : tensor<?x8xf32>, tensor<64x4xf32>`
  }];
  let arguments = (ins FPMoE_Rows:$input, FPMoE_Ids:$positions, FPMoE_Weight:$table,
                       OptionalAttr<I64Attr>:$head_dim);
  let results = (outs FPMoE_Rows:$result);
  let assemblyFormat = [{
    $input `,` $positions `,` $table (`head_dim` $head_dim^)? attr-dict
    `:` type($input) `,` type($table)
  }];
  let extraClassDeclaration = [{
    /// Columns of a head.
    int64_t getHeadWidth() {
      return getHeadDim() ? *getHeadDim() : getTable().getType().getDimSize(1);
    }
  }];
  let hasVerifier = 1;
}

def FPMoE_ExtendHeadsOp : FPMoE_Op<"extend_heads", [Pure]> {
  let summary = "Appends the same columns to every head";
  let description = [{
    Head h of the result is head h of `input`, followed by the whole row of `tail`:
    the keys of multi-head latent attention, whose turned part all heads share.

    * `extend_heads_c1`: there are `heads` heads in the input, and as many in the
      result, each wider by the tail.

    Example: `%y = fpmoe.extend_heads %x, %t heads 2 : tensor<?x8xf32>, tensor<?x4xf32> -> tensor<?x16xf32>`
  }];
  let arguments = (ins FPMoE_Rows:$input, FPMoE_Rows:$tail, I64Attr:$heads);
  let results = (outs FPMoE_Rows:$result);
  let assemblyFormat = [{
    $input `,` $tail `heads` $heads attr-dict
    `:` type($input) `,` type($tail) `->` type($result)
  }];
  let hasVerifier = 1;
}

def FPMoE_ClampOp : FPMoE_Op<"clamp", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "Cuts elements off at a limit";
  let description = [{
    y = min(max(x, -limit), limit).

    * `clamp_c1`: the limit is positive.

    Example: `%y = fpmoe.clamp %x to 8.0 : tensor<?x8xf32>`
  }];
  let arguments = (ins FPMoE_Rows:$input, F64Attr:$limit);
  let results = (outs FPMoE_Rows:$result);
  let assemblyFormat = "$input `to` $limit attr-dict `:` type($input)";
  let hasVerifier = 1;
}

def FPMoE_ScaleOp : FPMoE_Op<"scale", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "Multiplies activations by a number";
  let description = [{
    Granite scales embeddings, blocks and logits. The fuse phase moves the number
    into the op before.

    Example: `%y = fpmoe.scale %x by 0.22 : tensor<?x8xf32>`
  }];
  let arguments = (ins FPMoE_Rows:$input, F64Attr:$multiplier);
  let results = (outs FPMoE_Rows:$result);
  let assemblyFormat = "$input `by` $multiplier attr-dict `:` type($input)";
}

def FPMoE_AttentionOp : FPMoE_Op<"attention"> {
  let summary = "Causal attention over the key/value cache of a layer";
  let description = [{
    Puts k and v into the cache of `layer` at the tokens' positions; then each
    query head h takes softmax(scale q k^T) v over the cached positions p with
    position - window < p <= position (all up to its own without a window), with
    head h * kv_heads / heads of k and v. The cache holds f32, or with `cache` numbers
    of that type, to which k and v are rounded (to nearest, ties to even).

    * `attention_c1`: heads is a multiple of kv_heads.
    * `attention_c2`: q is heads and k is kv_heads times one head size wide, v is
      kv_heads and the result is heads times another one.
    * `attention_c3`: the window, where given, is positive.

    Example: `%y = fpmoe.attention %q, %k, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>`
  }];
  let arguments = (ins FPMoE_Rows:$query, FPMoE_Rows:$key, FPMoE_Rows:$value,
                       FPMoE_Ids:$positions, Index:$layer, I64Attr:$heads,
                       I64Attr:$kv_heads, F64Attr:$scale, OptionalAttr<I64Attr>:$window,
                       OptionalAttr<TypeAttrOf<BF16>>:$cache);
  let results = (outs FPMoE_Rows:$result);
  let assemblyFormat = [{
    $query `,` $key `,` $value `,` $positions `layer` $layer `heads` $heads
    `kv_heads` $kv_heads `scale` $scale (`window` $window^)? (`cache` $cache^)? attr-dict
    `:` type($query) `,` type($key) `,` type($value) `->` type($result)
  }];
  let extraClassDeclaration = [{
    /// Columns of a head of q and k.
    int64_t getHeadDim() { return getQuery().getType().getDimSize(1) / getHeads(); }
    /// Columns of a head of v and of the result.
    int64_t getValueDim() { return getResult().getType().getDimSize(1) / getHeads(); }
  }];
  let hasVerifier = 1;
}

def FPMoE_AddOp : FPMoE_Op<"add", [Pure, SameOperandsAndResultType]> {
  let summary = "Adds two activations";
  let description = [{
    Example: `%z = fpmoe.add %x, %y : tensor<?x8xf32>`
  }];
  let arguments = (ins FPMoE_Rows:$lhs, FPMoE_Rows:$rhs);
  let results = (outs FPMoE_Rows:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}

def FPMoE_RouteOp : FPMoE_Op<"route", [Pure]> {
  let summary = "Chooses experts for every token";
  let description = [{
    Router logits are x G^T in f32; `routing` says how they become `top_k` experts
    and their weights. A fixed routing has no router.

    * `route_c1`: the router is `[experts, columns of x]`; it is absent exactly with
      a fixed routing or one by language.
    * `route_c2`: both results have `top_k` columns, one where the rule has no top_k.
    * `route_c3`: top_k is at most the number of experts, and candidates are rows
      of the router.

    Example: `%w, %e = fpmoe.route %x : tensor<?x8xf32> router %g : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 1, renormalize = true> -> tensor<?x1xf32>, tensor<?x1xi32>`
  }];
  let arguments = (ins FPMoE_Rows:$input, Optional<FPMoE_Weight>:$router,
                       FPMoE_Routing:$routing);
  let results = (outs FPMoE_Rows:$weights, 2DTensorOf<[I32]>:$experts);
  let assemblyFormat = [{
    $input `:` type($input) (`router` $router^ `:` type($router))? `by` $routing
    attr-dict `->` type($weights) `,` type($experts)
  }];
  let hasVerifier = 1;
}

def FPMoE_ExpertsOp : FPMoE_Op<"experts", [
    Pure, DeclareOpInterfaceMethods<FPMoE_MatricesOpInterface>,
    AllTypesMatch<["input", "result"]>, AllTypesMatch<["gate", "up"]>,
    TypesMatchWith<"experts are chosen where weights are", "weights", "experts",
                   "::llvm::cast<::mlir::RankedTensorType>($_self).clone("
                   "::mlir::IntegerType::get($_self.getContext(), 32))">]> {
  let summary = "The routed experts";
  let description = [{
    y = sum over the chosen experts e of weight_e down_e(silu(gate_e x) * up_e x).

    * `experts_c1`: gate and up are `[E, I, H]`, down is `[E, H, I]`, x has H columns.
    * `experts_c2`: there is one name an expert.

    Example: `%y = fpmoe.experts %x, %w, %e, %gate, %up, %down names ["haskell", "ocaml"] : tensor<?x8xf32>, tensor<?x1xf32>, tensor<2x6x8xf32>, tensor<2x8x6xf32>`
  }];
  let arguments = (ins FPMoE_Rows:$input, FPMoE_Rows:$weights,
                       2DTensorOf<[I32]>:$experts, FPMoE_Weight:$gate,
                       FPMoE_Weight:$up, FPMoE_Weight:$down, StrArrayAttr:$names);
  let results = (outs FPMoE_Rows:$result);
  let assemblyFormat = [{
    $input `,` $weights `,` $experts `,` $gate `,` $up `,` $down `names` $names attr-dict
    `:` type($input) `,` type($weights) `,` type($gate) `,` type($down)
  }];
  let hasVerifier = 1;
}

def FPMoE_MlpOp : FPMoE_Op<"mlp", [
    Pure, DeclareOpInterfaceMethods<FPMoE_MatricesOpInterface>,
    AttrSizedOperandSegments, AllTypesMatch<["input", "result"]>, AllTypesMatch<["gate", "up"]>]> {
  let summary = "A feed-forward network that every token takes";
  let description = [{
    y = s down(silu(gate x) * up x), where s is sigmoid(g x) with `scaled %g`, and
    1 without: a shared expert, or the feed-forward network of a dense layer. With
    `up_low_rank`, the input of gate and up is widened as `fpmoe.linear` widens its
    own, and with `down_low_rank` that of down.

    * `mlp_c1`: gate and up are `[I, H]`, down is `[H, I]`, g is `[1, H]`, x has H columns;
      with low ranks, gate, up and down have the columns of their widened inputs.
    * `mlp_c2`: low ranks are `[R, H]` and `[R, I]`, and come with their ranks, which
      are not negative and sum up to R; there is no scale then.

    Example: `%y = fpmoe.mlp %x, %gate, %up, %down scaled %g : tensor<1x8xf32> : tensor<?x8xf32>, tensor<6x8xf32>, tensor<8x6xf32>`
  }];
  let arguments = (ins FPMoE_Rows:$input, FPMoE_Weight:$gate, FPMoE_Weight:$up,
                       FPMoE_Weight:$down, Optional<FPMoE_Weight>:$scale,
                       Optional<FPMoE_Weight>:$up_low_rank,
                       OptionalAttr<DenseI64ArrayAttr>:$up_ranks,
                       Optional<FPMoE_Weight>:$down_low_rank,
                       OptionalAttr<DenseI64ArrayAttr>:$down_ranks);
  let results = (outs FPMoE_Rows:$result);
  let builders = [OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$input,
                                 "::mlir::Value":$gate, "::mlir::Value":$up,
                                 "::mlir::Value":$down, "::mlir::Value":$scale), [{
    build($_builder, $_state, result, input, gate, up, down, scale,
          ::mlir::Value(), ::mlir::DenseI64ArrayAttr(), ::mlir::Value(),
          ::mlir::DenseI64ArrayAttr());
  }]>];
  let assemblyFormat = [{
    $input `,` $gate `,` $up `,` $down (`scaled` $scale^ `:` type($scale))?
    (`up_low_rank` $up_low_rank^ `:` type($up_low_rank))? (`up_ranks` $up_ranks^)?
    (`down_low_rank` $down_low_rank^ `:` type($down_low_rank))?
    (`down_ranks` $down_ranks^)? attr-dict
    `:` type($input) `,` type($gate) `,` type($down)
  }];
  let hasVerifier = 1;
}

#endif
