//===- TileOps.td - The work of tiles ----------------------*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Activations are `[max_tokens, width]` f32, their width a multiple of 16. An
// operand of a product is packed: `[blocks, K/k, rows, k]` in what the weights'
// format multiplies with, k elements of a row together, K a multiple of 16. Its
// layout is the default one, or strides by which each row lies together. Integers
// multiply what mega.quantize makes of an operand of f32. Rows
// without a token and columns past the last are zero in an operand, so that
// nothing that another step left there is read.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_MEGA_TILEOPS_TD
#define FPMOE_DIALECTS_MEGA_TILEOPS_TD

include "dialects/FPMoE/RoutingAttrs.td"
include "dialects/Mega/MegaBase.td"

class Mega_TileOp<string mnemonic, list<Trait> traits = [],
                  list<string> methods = []>
    : Mega_Op<mnemonic, [HasParent<"PhaseOp">,
        DeclareOpInterfaceMethods<Mega_TileOpInterface, methods>] # traits> {
  let hasVerifier = 1;
}

def Mega_EmbedOp : Mega_TileOp<"embed"> {
  let summary = "Takes the tokens' rows of the embedding";
  let description = [{
    Tiles: tokens. The table is packed. Rows are multiplied by `multiplier`, if any. With
    `part`, the table is that of a rank, which begins with the step's first token; rows
    of tokens that are not in it become -0, which changes no number that it is added to.

    * `embed_c1`: the table is a packed `[vocabulary, H]`, the activations have H
      columns, rounded up to whole vectors.

    Example: `mega.embed %table at %tokens into %x : tensor<64x32xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>, memref<1x32xf32>`
  }];
  let arguments = (ins Mega_Weight:$table, Mega_Buffer:$tokens, Mega_Buffer:$x,
                       OptionalAttr<F64Attr>:$multiplier, UnitAttr:$part);
  let assemblyFormat = [{
    $table (`part` $part^)? `at` $tokens `into` $x (`times` $multiplier^)? attr-dict
    `:` type($table) `,` type($tokens) `,` type($x)
  }];
}

def Mega_RopeOp : Mega_TileOp<"rope"> {
  let summary = "Cosines and sines of the step's positions";
  let description = [{
    Tiles: tokens, or none. Row t of the table holds m cos(p f_i) and then m sin(p f_i)
    for the position p of token t, with `magnitude` m: the rows of `fpmoe.rope_table`
    that the step needs. The angle is rounded to f32, as `transformers` does; cosine
    and sine are right to half an ulp of f32 and a little more.

    * `rope_c1`: the table has a cosine and a sine for each frequency.

    Example: `mega.rope %f at %positions into %angles magnitude 1.0 : tensor<16xf32>, memref<?xi32>, memref<1x32xf32>`
  }];
  let arguments = (ins Mega_Weight:$frequencies, Mega_Buffer:$positions,
                       Mega_Buffer:$table, F64Attr:$magnitude);
  let assemblyFormat = [{
    $frequencies `at` $positions `into` $table `magnitude` $magnitude attr-dict
    `:` type($frequencies) `,` type($positions) `,` type($table)
  }];
}

def Mega_NormOp : Mega_TileOp<"norm", [], ["allowsTileSize"]> {
  let summary = "RMS norm of rows into a packed operand";
  let description = [{
    Tiles: blocks, or none. With `logits_rows`, the rows of the operand are those of
    the tokens that have logits.

    * `norm_c1`: the weight has as many elements as x has columns that are used: x
      has them rounded up to whole vectors, the operand at least so many.

    Example: `mega.norm %x, %w into %operand eps 1.0e-6 : memref<1x32xf32>, tensor<32xf32>, memref<1x32x1x1xf32>`
  }];
  let arguments = (ins Mega_Buffer:$x, Mega_Weight:$weight,
                       Optional<Mega_Buffer>:$logits_rows, Mega_Buffer:$operand,
                       F64Attr:$eps);
  let assemblyFormat = [{
    $x `,` $weight (`of` $logits_rows^ `:` type($logits_rows))? `into` $operand
    `eps` $eps attr-dict `:` type($x) `,` type($weight) `,` type($operand)
  }];
}

def Mega_QuantizeOp : Mega_TileOp<"quantize", [], ["allowsTileSize"]> {
  let summary = "Rounds rows to integers with a scale for each group";
  let description = [{
    Tiles: blocks, or none. With `groups`, blocks are those of experts. A row has
    `columns` columns and behind them, where whole vectors are, `tail` ones; whatever
    stands behind these counts as zero. With `shards`, all of this is there so many
    times, one behind the other. Of each 32 elements, begun anew by the tail and
    filled up with zeros, makes integers q from -127 to 127, their scale d and their sum: d is
    max |x| / 127, and q is x times 127 / max |x|, to nearest, ties to even. So |x - d q|
    is at most max |x| / 253 or so. Where the largest is below 2^-100, all q are 0;
    where one is no number, or not finite, d is no number or infinite.

    * `quantize_c1`: rows are an operand of f32, as wide as columns and tail of all
      shards, of which several have whole groups in front of the tail; the operand has
      as many blocks and rows, and for each 32 elements 40 bytes: 32 of i8, d (f32)
      and 8 times the sum of q (i32), or with `int_dot = avx2`, twice -4 times it (i16).

    Example: `mega.quantize %rows into %operand columns 40 tail 0 : memref<1x48x1x1xf32>, memref<1x2x1x40xi8>`
  }];
  let arguments = (ins Mega_Buffer:$rows, Mega_Buffer:$operand,
                       Optional<Mega_Buffer>:$groups, I64Attr:$columns, I64Attr:$tail,
                       DefaultValuedAttr<I64Attr, "1">:$shards);
  let assemblyFormat = [{
    $rows `into` $operand (`of` $groups^ `:` type($groups))? `columns` $columns
    `tail` $tail (`shards` $shards^)? attr-dict
    `:` type($rows) `,` type($operand)
  }];
}

def Mega_LowRankOp : Mega_TileOp<"low_rank", [], ["getProduct"]> {
  let summary = "Low-rank activations behind the rows of an operand";
  let description = [{
    Tiles: blocks, or none. Of the columns of a row that the weight has, makes the
    product with the packed weight, and stores it behind them, at a multiple of 16;
    elements of languages that the row's token does not have become zero. `ranks` are
    those of `fpmoe.linear`.

    A weight of S shards, `[S, R, k]`, multiplies S times k columns, one shard after the
    other; they are copied to `widened`, where each shard's product stands behind its
    columns.

    * `low_rank_c1`: the weight is a packed `[R, K]`, R the sum of the ranks; the
      operand has K and R columns, each rounded up to whole vectors.
    * `low_rank_c2`: of shards, the weight is a packed `[S, R, k]`, k a whole number of
      vectors; the operand has S k columns, and `widened` is like it, but for R more
      columns, rounded up to whole vectors, of each shard.

    Example: `mega.low_rank %operand, %a of %languages ranks [2, 4] : memref<1x48x1x1xf32>, tensor<6x32xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>`
  }];
  let arguments = (ins Mega_Buffer:$operand, Mega_Weight:$weight,
                       Mega_Buffer:$languages, Optional<Mega_Buffer>:$widened,
                       DenseI64ArrayAttr:$ranks);
  let assemblyFormat = [{
    $operand `,` $weight `of` $languages (`into` $widened^ `:` type($widened))?
    `ranks` $ranks attr-dict
    `:` type($operand) `,` type($weight) `,` type($languages)
  }];
}

def Mega_QkvOp : Mega_TileOp<"qkv", [AttrSizedOperandSegments],
                             ["allowsTileSize", "getProduct"]> {
  let summary = "Projects a head of q, k or v, finishes it, and stores it";
  let description = [{
    Tiles: heads of q, k and v, groups of `group` blocks. Heads of q go to
    `[rows, heads, D]`, heads of k and v into the cache of the layer. `head` is
    scratch, `[rows, D]`. Before they are stored, heads go through what `fpmoe.qkv`
    says: bias, norm, clip and rotary embedding.

    `table` has the cosines and sines of the tokens (`mega.rope`).

    With `pairs`, a tile is a part of a head, so that there are more of them: a vector
    of columns of its first half and that of its second half with which the rotary
    embedding turns them. The parts of a head are tiles one behind the other.

    * `qkv_c1`: the weight is a packed `[heads + 2 kv_heads, D, K]`, the operand has
      its K, query, scratch and cache have D, rounded up to whole vectors, the table D.
    * `qkv_c2`: group is positive.
    * `qkv_c3`: with `pairs`, heads have no norm, which takes all of a head, and D is a
      multiple of 32.

    Example: see test/dialects/Mega/tiles.mlir.
  }];
  let arguments = (ins Mega_Buffer:$operand, Mega_Weight:$weight,
                       Optional<Mega_Weight>:$bias, Optional<Mega_Weight>:$q_norm,
                       Optional<Mega_Weight>:$k_norm, Mega_Buffer:$table,
                       Mega_Buffer:$positions, Mega_Buffer:$query,
                       Mega_Buffer:$cache, Mega_Buffer:$head,
                       Index:$layer, I64Attr:$heads, I64Attr:$kv_heads,
                       I64Attr:$head_dim, I64Attr:$group, OptionalAttr<F64Attr>:$eps,
                       OptionalAttr<F64Attr>:$clip, UnitAttr:$pairs);
  let assemblyFormat = [{
    $operand `,` $weight (`bias` $bias^ `:` type($bias))?
    (`norms` $q_norm^ `:` type($q_norm) `,` $k_norm `:` type($k_norm))? (`eps` $eps^)?
    (`clip` $clip^)? `rope` $table `at` $positions `into` $query `,` $cache
    `by` $head `layer` $layer `heads` $heads `kv_heads` $kv_heads `head_dim` $head_dim
    `group` $group (`pairs` $pairs^)? attr-dict
    `:` type($operand) `,` type($weight) `,` type($table) `,` type($positions) `,`
    type($query) `,` type($cache) `,` type($head)
  }];
  let extraClassDeclaration = [{
    /// Tiles of a head.
    int64_t getParts() { return getPairs() ? getHeadDim() / (2 * ::mega::kVectorColumns) : 1; }
  }];
}

def Mega_SquaresOp : Mega_TileOp<"squares"> {
  let summary = "Sums of the squares of rows of q and k";
  let description = [{
    Tiles: tokens. Of a token's rows, the first column of `sums` gets that of q, the
    second that of k, the others zero. A row is cut into so many `shards` of one
    width; what is summed of each is added as `mega.reduce` adds sums.

    * `squares_c1`: shards are a power of two, of whole vectors of q and of k; sums
      have 16 columns, and a row for each of q and k.

    Example: `mega.squares %q, %k into %sums shards 2 : memref<1x64xf32>, memref<1x32xf32>, memref<1x16xf32>`
  }];
  let arguments = (ins Mega_Buffer:$q, Mega_Buffer:$k, Mega_Buffer:$sums,
                       I64Attr:$shards);
  let assemblyFormat = [{
    $q `,` $k `into` $sums `shards` $shards attr-dict
    `:` type($q) `,` type($k) `,` type($sums)
  }];
}

def Mega_HeadsOp : Mega_TileOp<"heads", [AttrSizedOperandSegments]> {
  let summary = "Finishes projected heads of a token and stores them";
  let description = [{
    Tiles: tokens. What `mega.qkv` does behind its product, for rows of q, k and v that
    are there already: norms of whole rows need all heads, and latent attention
    appends `tail` to every head of k. `head` is scratch, `[1, D]`. Of a model that is
    split over `ranks`, whole rows are those of all of them, and `squares` has what
    `mega.squares` sums of these.

    * `heads_c1`: query and cache have `head_dim` columns, scratch the larger of
      `head_dim` and `value_dim`, each rounded up to whole vectors.
    * `heads_c2`: the table is no wider than a head.
    * `heads_c3`: squares come with norms of whole rows and with ranks, which are
      positive; they have 16 columns.

    Example: see test/dialects/Mega/tiles.mlir.
  }];
  let arguments = (ins Mega_Buffer:$q, Mega_Buffer:$k, Mega_Buffer:$v,
                       Optional<Mega_Buffer>:$tail, Optional<Mega_Weight>:$q_norm,
                       Optional<Mega_Weight>:$k_norm, Optional<Mega_Buffer>:$squares,
                       Mega_Buffer:$table,
                       Mega_Buffer:$positions, Mega_Buffer:$query,
                       Mega_Buffer:$cache, Mega_Buffer:$head,
                       Index:$layer, I64Attr:$heads, I64Attr:$kv_heads,
                       I64Attr:$head_dim, I64Attr:$value_dim, OptionalAttr<F64Attr>:$eps,
                       OptionalAttr<F64Attr>:$clip, OptionalAttr<I64Attr>:$ranks);
  let assemblyFormat = [{
    $q `,` $k `,` $v (`tail` $tail^ `:` type($tail))?
    (`norms` $q_norm^ `:` type($q_norm) `,` $k_norm `:` type($k_norm))?
    (`squares` $squares^ `:` type($squares))? (`ranks` $ranks^)? (`eps` $eps^)?
    (`clip` $clip^)? `rope` $table `at` $positions `into` $query `,` $cache `by` $head
    `layer` $layer `heads` $heads `kv_heads` $kv_heads `head_dim` $head_dim
    `value_dim` $value_dim attr-dict `:` type($q) `,` type($k) `,` type($v) `,`
    type($table) `,` type($positions) `,` type($query) `,` type($cache) `,` type($head)
  }];
}

def Mega_AttentionOp : Mega_TileOp<"attention", [AttrSizedOperandSegments],
                                   ["allowsTileSize"]> {
  let summary = "Attention of the heads that share keys and values";
  let description = [{
    Tiles: key/value heads, and the query blocks of the step. Heads of q and k have
    `head_dim` columns, those of v `value_dim`. Positions are taken in spans, which begin at the multiples of `span`.
    Of a span, a row has its largest score m, the sum l of e^(s_p - m) over the
    positions p that it sees there, and the sum v of e^(s_p - m) v_p. Two of them, the
    earlier first, are put together with M = max(m, m'), a = e^(m - M), b = e^(m' - M):
    M, a l + b l', a v + b v'. What a row gives is v / l of all spans, in their order:
    its bits depend on no other row, and not on where a step begins.

    Where the cache is of bf16 and the target's `dot` sums products of bf16 on a CPU,
    q and e^(s_p - m) are rounded to it, each by 2^-9 at most, and l sums what is
    rounded. A score then differs by at most 2^-9 of the sum of its terms' magnitudes,
    and what a row gives by at most 2^-8 of the largest |v_p| for the latter.

    `scores` is scratch, `[rows, span + 16]`, of rows that meet a span together, `sums`
    the rows of a block for each head that shares keys and values: `value_dim` columns,
    as whole vectors, for v, 16 for m, l, a, b. There are none where workers have many threads.

    * `attention_c1`: `heads` is a multiple of `kv_heads`; query and cache have
      `head_dim` columns, and the cache `value_dim`, each rounded up to whole vectors;
      the cache is of f32 or bf16.
    * `attention_c2`: the operand has heads times `value_dim` columns, rounded up to
      whole vectors, and no two heads in what stands together.
    * `attention_c3`: the span is a multiple of 16, scores and sums are as large as
      said, if there are any.

    Example: see test/dialects/Mega/tiles.mlir.
  }];
  let arguments = (ins Mega_Buffer:$query, Mega_Buffer:$cache, Mega_Buffer:$positions,
                       Mega_Buffer:$operand, Optional<Mega_Buffer>:$scores,
                       Optional<Mega_Buffer>:$sums,
                       Index:$layer, I64Attr:$heads, I64Attr:$kv_heads,
                       I64Attr:$head_dim, I64Attr:$value_dim, I64Attr:$span,
                       F64Attr:$scale, OptionalAttr<I64Attr>:$window);
  let assemblyFormat = [{
    $query `,` $cache `at` $positions `into` $operand (`by` $scores^ `,` $sums)?
    `layer` $layer `heads` $heads `kv_heads` $kv_heads `head_dim` $head_dim
    `value_dim` $value_dim `span` $span `scale` $scale (`window` $window^)? attr-dict
    `:` type($query) `,` type($cache) `,` type($positions) `,` type($operand)
    (`,` type($scores)^ `,` type($sums))?
  }];
}

def Mega_AttendSpanOp : Mega_TileOp<"attend_span", [], ["allowsTileSize"]> {
  let summary = "Attention of a token over a span of the cache";
  let description = [{
    Tiles: key/value heads, and the spans that the token sees; for one token. What
    `mega.attention` has of a span goes to `partial`, `[kv_heads, spans, heads /
    kv_heads, columns]`, whose columns are those of its `sums`, so that more workers
    find work than there are key/value heads.

    * `attend_span_c1`: query and cache as `attention_c1` says.
    * `attend_span_c2`: the span is a multiple of 16, scores are as wide as said there,
      if there are any, `partial` is of these sizes.

    Example: see test/dialects/Mega/tiles.mlir.
  }];
  let arguments = (ins Mega_Buffer:$query, Mega_Buffer:$cache, Mega_Buffer:$positions,
                       Mega_Buffer:$partial, Optional<Mega_Buffer>:$scores, Index:$layer,
                       I64Attr:$heads, I64Attr:$kv_heads, I64Attr:$head_dim,
                       I64Attr:$value_dim, I64Attr:$span, F64Attr:$scale,
                       OptionalAttr<I64Attr>:$window);
  let assemblyFormat = [{
    $query `,` $cache `at` $positions `into` $partial (`by` $scores^)? `layer` $layer
    `heads` $heads `kv_heads` $kv_heads `head_dim` $head_dim `value_dim` $value_dim
    `span` $span `scale` $scale (`window` $window^)? attr-dict
    `:` type($query) `,` type($cache) `,` type($positions) `,` type($partial)
    (`,` type($scores)^)?
  }];
}

def Mega_MergeSpansOp : Mega_TileOp<"merge_spans"> {
  let summary = "Puts the spans of a token's attention together";
  let description = [{
    Tiles: heads; for one token. Does to what `mega.attend_span` left in `partial` what
    `mega.attention` says of spans.

    * `merge_spans_c1`: `partial` has four dimensions, as many heads as the product of
      the first and the third; the operand is as `attention_c2` says.
    * `merge_spans_c2`: the span is a multiple of 16.

    Example: see test/dialects/Mega/tiles.mlir.
  }];
  let arguments = (ins Mega_Buffer:$partial, Mega_Buffer:$positions,
                       Mega_Buffer:$operand, I64Attr:$value_dim, I64Attr:$span,
                       OptionalAttr<I64Attr>:$window);
  let assemblyFormat = [{
    $partial `at` $positions `into` $operand `value_dim` $value_dim `span` $span
    (`window` $window^)? attr-dict
    `:` type($partial) `,` type($positions) `,` type($operand)
  }];
}

def Mega_LinearOp : Mega_TileOp<"linear", [AttrSizedOperandSegments],
                                ["allowsTileSize", "getProduct"]> {
  let summary = "Columns of a product";
  let description = [{
    Tiles: chunks of `vectors` vectors of 16 columns, groups of `group` blocks. The
    product, with the bias added and multiplied by `multiplier`, where there are any,
    is added to the activations with `accumulate`, else written. With `logits_rows`,
    rows are those of the tokens that have logits. A weight of S shards, `[S, N, K]`,
    multiplies S times K columns of the operand; each product is written to its place in
    the output, `[S, max_tokens, N]`, and the tiles are those of the shards, one shard
    behind the other.

    * `linear_c1`: the weight is a packed `[N, K]`, the operand has its K; the output
      has N columns, rounded up to whole vectors unless it is the logits; a bias has N.
    * `linear_c2`: vectors and group are positive.
    * `linear_c3`: of shards, the operand has the columns of all of them, K is a whole
      number of vectors, or of groups of integers, and sums wait for `mega.reduce`, which
      has bias and multiplier.

    Example: `mega.linear %operand, %w into %x vectors 2 group 16 accumulate : memref<1x32x1x1xf32>, tensor<32x32xf32, #mega.packed<n = 16, k = 1>>, memref<1x32xf32>`
  }];
  let arguments = (ins Mega_Buffer:$operand, Mega_Weight:$weight,
                       Optional<Mega_Weight>:$bias, Optional<Mega_Buffer>:$logits_rows,
                       Mega_Buffer:$out, I64Attr:$vectors, I64Attr:$group,
                       UnitAttr:$accumulate, OptionalAttr<F64Attr>:$multiplier);
  let assemblyFormat = [{
    $operand `,` $weight (`bias` $bias^ `:` type($bias))?
    (`of` $logits_rows^ `:` type($logits_rows))? `into` $out
    `vectors` $vectors `group` $group (`accumulate` $accumulate^)?
    (`times` $multiplier^)? attr-dict `:` type($operand) `,` type($weight) `,` type($out)
  }];
}

def Mega_ReduceOp : Mega_TileOp<"reduce"> {
  let summary = "Adds the sums of shards";
  let description = [{
    Tiles: tokens. Of a token's rows in `sums`, `[shards, max_tokens, columns]`,
    neighbours are added first, the lower one on the left, then pairs of them, and so
    on. With the bias added and multiplied by `multiplier`, where there are any, what
    they come to is added to `out` with `accumulate`, else written.

    * `reduce_c1`: shards are a power of two; `out` has the tokens and columns of the
      sums, and one shard or no such dimension; a bias fills the columns but for the
      last vector's rest.

    Example: `mega.reduce %sums into %x accumulate : memref<4x1x32xf32>, memref<1x32xf32>`
  }];
  let arguments = (ins Mega_Buffer:$sums, Optional<Mega_Weight>:$bias,
                       Mega_Buffer:$out, UnitAttr:$accumulate,
                       OptionalAttr<F64Attr>:$multiplier);
  let assemblyFormat = [{
    $sums (`bias` $bias^ `:` type($bias))? `into` $out (`accumulate` $accumulate^)?
    (`times` $multiplier^)? attr-dict `:` type($sums) `,` type($out)
  }];
}

def Mega_ExchangeOp : Mega_TileOp<"exchange"> {
  let summary = "Adds the rows of all ranks";
  let description = [{
    Tiles: one. The rows of the step's tokens in `rows`, `[max_tokens, columns]`, become the
    sum of those of all ranks, as `FpmoeStep.reduce` (include/fpmoe/runtime/abi.h) adds
    them. All ranks wait for each other there.

    * `exchange_c1`: rows have two dimensions, or three, the first of which is 1.

    Example: `mega.exchange %x : memref<1x32xf32>`
  }];
  let arguments = (ins Mega_Buffer:$rows);
  let assemblyFormat = "$rows attr-dict `:` type($rows)";
}

def Mega_KeepRowsOp : Mega_TileOp<"keep_rows"> {
  let summary = "Keeps the rows that go into a layer";
  let description = [{
    Tiles: tokens, of which as many as have logits do something. The first `columns`
    columns of the rows of tokens that have logits go to `out`, the logits of a
    program that gives the inputs of its layers instead, into columns `layer` times
    `columns` and on.

    * `keep_rows_c1`: x has at least `columns` columns.

    Example: `mega.keep_rows %x of %logits_rows into %out layer %layer columns 32 : memref<1x32xf32>, memref<?xi32>, memref<?x64xf32>`
  }];
  let arguments = (ins Mega_Buffer:$x, Mega_Buffer:$logits_rows, Mega_Buffer:$out,
                       Index:$layer, I64Attr:$columns);
  let assemblyFormat = [{
    $x `of` $logits_rows `into` $out `layer` $layer `columns` $columns attr-dict
    `:` type($x) `,` type($logits_rows) `,` type($out)
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
