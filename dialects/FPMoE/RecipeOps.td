//===- RecipeOps.td - Where weights come from --------------*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_FPMOE_RECIPEOPS_TD
#define FPMOE_DIALECTS_FPMOE_RECIPEOPS_TD

include "dialects/FPMoE/FPMoEBase.td"

class FPMoE_RopeScalingAttr<string cppName, string attrMnemonic>
    : AttrDef<FPMoEDialect, cppName> {
  let mnemonic = attrMnemonic;
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def FPMoE_RopeLinear : FPMoE_RopeScalingAttr<"RopeLinear", "rope_linear"> {
  let summary = "Rotary frequencies divided by a factor";
  let description = [{
    * `rope_linear_c1`: `factor` is positive.

    Example: `#fpmoe.rope_linear<factor = 2.0>`
  }];
  let parameters = (ins "::mlir::FloatAttr":$factor);
}

def FPMoE_RopeLlama3 : FPMoE_RopeScalingAttr<"RopeLlama3", "rope_llama3"> {
  let summary = "Long waves divided by a factor, those in between in part";
  let description = [{
    With w = 2 pi / f: f is divided by `factor` where w > positions / `low`, stays where
    w < positions / `high`, and in between is (1 - s) f / factor + s f with
    s = (positions / w - low) / (high - low). `positions` is the context of the
    pretraining.

    * `rope_llama3_c1`: all parameters are positive, and `low` is below `high`.

    Example: `#fpmoe.rope_llama3<factor = 8.0, low = 1.0, high = 4.0, positions = 8192>`
  }];
  let parameters = (ins "::mlir::FloatAttr":$factor, "::mlir::FloatAttr":$low,
                        "::mlir::FloatAttr":$high, "int64_t":$positions);
}

def FPMoE_RopeYarn : FPMoE_RopeScalingAttr<"RopeYarn", "rope_yarn"> {
  let summary = "Frequencies between interpolation and extrapolation, by a ramp";
  let description = [{
    arXiv 2309.00071: f_i becomes f_i / factor (1 - e_i) + f_i e_i, where e falls
    from 1 at i = `first` to 0 at i = `last` (both in pairs of columns); cosines
    and sines are multiplied by `magnitude`.

    * `rope_yarn_c1`: `factor` and `magnitude` are positive.

    Example: `#fpmoe.rope_yarn<factor = 40.0, first = 10.0, last = 23.0, magnitude = 1.0>`
  }];
  let parameters = (ins "::mlir::FloatAttr":$factor, "::mlir::FloatAttr":$first,
                        "::mlir::FloatAttr":$last, "::mlir::FloatAttr":$magnitude);
}

def FPMoE_RopeFactors : FPMoE_RopeScalingAttr<"RopeFactors", "rope_factors"> {
  let summary = "Rotary frequencies divided by a factor each";
  let description = [{
    f_i is divided by `factors`[i]: how GGUF files store what a scaling comes to.

    * `rope_factors_c1`: all factors are positive.

    Example: `#fpmoe.rope_factors<factors = [1.0, 8.0]>`
  }];
  let parameters = (ins "::mlir::DenseF32ArrayAttr":$factors);
}

def FPMoE_RopeScaling : AnyAttrOf<[FPMoE_RopeLinear, FPMoE_RopeLlama3, FPMoE_RopeYarn,
                                   FPMoE_RopeFactors],
                                  "a scaling of rotary embedding">;

class FPMoE_RecipeOp<string mnemonic, list<Trait> traits = []>
    : FPMoE_Op<mnemonic, [Pure, ParentOneOf<["WeightOp"]>] # traits>;

def FPMoE_WeightOp : FPMoE_Op<"weight", [
    Symbol, IsolatedFromAbove, HasParent<"::mlir::ModuleOp">,
    SingleBlockImplicitTerminator<"YieldOp">]> {
  let summary = "A weight, and the recipe that makes it";
  let description = [{
    The region computes the weight when the program is made, a window of rows at
    a time. With `layers`, there is one instance for each of the listed layers,
    and the recipe takes the number of the layer. `offset` and `stride` are
    the place in the program's weights, in bytes: of the first instance, and
    from one to the next; the schedule phase sets them.

    * `weight_c1`: the recipe takes one index with `layers` and nothing without.
    * `weight_c2`: the recipe yields one value of the weight's type.
    * `weight_c3`: `layers` are increasing and not negative.
    * `weight_c4`: the shape is static, neither empty nor above 2^50 elements.
    * `weight_c5`: `offset` and `stride` stand together; they are multiples of 64,
      the offset is not negative and the stride holds an instance.
    * `weight_c6`: values of integers in groups are made by `fpmoe.convert`.

    Example:

    ```mlir
    fpmoe.weight @gate layers [0, 1] : tensor<3x8xf32> {
    ^bb0(%layer: index):
      %0 = fpmoe.load "model.layers.{}.mlp.gate.weight"[%layer] : tensor<3x8xf32>
      fpmoe.yield %0 : tensor<3x8xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<FPMoE_Weight>:$type,
                       OptionalAttr<DenseI64ArrayAttr>:$layers,
                       OptionalAttr<I64Attr>:$offset,
                       OptionalAttr<I64Attr>:$stride);
  let regions = (region SizedRegion<1>:$recipe);
  let assemblyFormat = [{
    $sym_name (`layers` $layers^)? (`at` $offset^)? (`stride` $stride^)?
    `:` $type $recipe attr-dict
  }];
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getTensorType() {
      return ::llvm::cast<::mlir::RankedTensorType>(getType());
    }
    /// The value that the recipe yields.
    ::mlir::Value getResultValue();
    /// How many instances there are: one for each layer, or one.
    int64_t getNumInstances() {
      return getLayers() ? static_cast<int64_t>(getLayers()->size()) : 1;
    }
    /// Bytes of one instance.
    int64_t getInstanceBytes();
  }];
  let hasRegionVerifier = 1;
}

def FPMoE_YieldOp : FPMoE_Op<"yield", [Pure, Terminator, HasParent<"WeightOp">]> {
  let summary = "Ends a recipe with the weight";
  let arguments = (ins Optional<FPMoE_Weight>:$value);
  let builders = [OpBuilder<(ins), [{ (void)$_builder; }]>];
  let assemblyFormat = "($value^ `:` type($value))? attr-dict";
}

def FPMoE_LoadOp : FPMoE_RecipeOp<"load"> {
  let summary = "A tensor of the checkpoint";
  let description = [{
    Loads the tensor `name` of the model's checkpoint, or of the part that `from`
    names, and converts it to f32, and from there to the element type; `{}` in the
    name stands for the layer's number.
    Without `at`, the tensor has the shape of the result. With `at`, it may have
    more dimensions, and `at` picks one index in each of those, in front; it may
    name one index more, the first of those that the load takes along the next
    dimension.

    * `load_c1`: the name has one `{}` where a layer is given, none otherwise.
    * `load_c2`: `at` is not negative.
    * `load_c3`: a part is among the `parts` of the module's `fpmoe.model`.

    Example: `%0 = fpmoe.load "model.norm.weight" : tensor<8xf32>`
  }];
  let arguments = (ins StrAttr:$name, Optional<Index>:$layer,
                       OptionalAttr<DenseI64ArrayAttr>:$at,
                       OptionalAttr<StrAttr>:$part);
  let results = (outs FPMoE_Weight:$result);
  let builders = [OpBuilder<(ins "::mlir::Type":$result,
                                 "::mlir::StringAttr":$name,
                                 "::mlir::Value":$layer,
                                 "::mlir::DenseI64ArrayAttr":$at), [{
    build($_builder, $_state, result, name, layer, at, ::mlir::StringAttr());
  }]>];
  let assemblyFormat = [{
    $name (`[` $layer^ `]`)? (`from` $part^)? (`at` $at^)? attr-dict
    `:` type($result)
  }];
  let hasVerifier = 1;
}

def FPMoE_RandomOp : FPMoE_RecipeOp<"random"> {
  let summary = "Normally distributed numbers in the place of a tensor";
  let description = [{
    Element `i` is a function of `seed`, the name (with the layer's number) and
    `i` alone, so that a window can be made without the elements before it.
    Stands for a checkpoint that is not there, in benchmarks.

    * `random_c1`: the name has one `{}` where a layer is given, none otherwise.

    Example: `%0 = fpmoe.random "model.norm.weight" seed 1 mean 1.0 stddev 0.1 : tensor<8xf32>`
  }];
  let arguments = (ins StrAttr:$name, Optional<Index>:$layer, I64Attr:$seed,
                       F64Attr:$mean, F64Attr:$stddev);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = [{
    $name (`[` $layer^ `]`)? `seed` $seed `mean` $mean `stddev` $stddev attr-dict
    `:` type($result)
  }];
  let hasVerifier = 1;
}

def FPMoE_RopeTableOp : FPMoE_RecipeOp<"rope_table"> {
  let summary = "Cosines and sines of rotary position embedding";
  let description = [{
    For a result `[P, D]`: row p holds a cos(p f_i) for i < D/2, then a sin(p f_i), with
    f_i = theta^(-2i/D) and a = 1, all in f32 as `transformers` computes them. A
    `scaling` changes f, and yarn a.

    * `rope_table_c1`: the result has two dimensions, the second one even.
    * `rope_table_c2`: `theta` is positive.
    * `rope_table_c3`: a scaling by factors has one for each f.

    Example: `%0 = fpmoe.rope_table theta 1.0e4 : tensor<1024x32xf32>`
  }];
  let arguments = (ins F64Attr:$theta, OptionalAttr<FPMoE_RopeScaling>:$scaling);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = [{
    `theta` $theta (`scaling` `(` $scaling^ `)`)? attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

def FPMoE_RopeFrequenciesOp : FPMoE_RecipeOp<"rope_frequencies"> {
  let summary = "Frequencies of rotary position embedding";
  let description = [{
    The f of `fpmoe.rope_table`, for programs that compute the rows of their tokens.

    * `rope_frequencies_c1`: the result has one dimension.
    * `rope_frequencies_c2`: `theta` is positive.
    * `rope_frequencies_c3`: a scaling by factors has one for each f.

    Example: `%0 = fpmoe.rope_frequencies theta 1.0e4 : tensor<16xf32>`
  }];
  let arguments = (ins F64Attr:$theta, OptionalAttr<FPMoE_RopeScaling>:$scaling);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = [{
    `theta` $theta (`scaling` `(` $scaling^ `)`)? attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// What cosines and sines are multiplied by.
    static double getMagnitude(::mlir::Attribute scaling);
  }];
}

def FPMoE_StackOp : FPMoE_RecipeOp<"stack"> {
  let summary = "Stacks equal shapes along a new first dimension";
  let description = [{
    Makes `[E, out, in]` of E experts.

    * `stack_c1`: the operands have one type, and the result is its shape with their
      number in front.

    Example: `%2 = fpmoe.stack %0, %1 : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<2x4x8xf32>`
  }];
  let arguments = (ins Variadic<FPMoE_Weight>:$inputs);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = "$inputs attr-dict `:` type($inputs) `->` type($result)";
  let hasVerifier = 1;
}

def FPMoE_ConcatOp : FPMoE_RecipeOp<"concat"> {
  let summary = "Joins tensors along their first dimension";
  let description = [{
    * `concat_c1`: the operands agree in all dimensions but the first, in which
      they add up to the result.

    Example: `%2 = fpmoe.concat %0, %1 : tensor<4x8xf32>, tensor<2x8xf32> -> tensor<6x8xf32>`
  }];
  let arguments = (ins Variadic<FPMoE_Weight>:$inputs);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = "$inputs attr-dict `:` type($inputs) `->` type($result)";
  let hasVerifier = 1;
}

def FPMoE_AppendColumnsOp : FPMoE_RecipeOp<"append_columns"> {
  let summary = "Puts columns behind those of a matrix";
  let description = [{
    Of `[.., N, K]` and `[.., N, R]` makes `[.., N, K + R]`. The second operand
    multiplies what `low_rank` puts behind the input of a product.

    * `append_columns_c1`: the operands agree in all dimensions but the last, and so
      does the result, which has K + R columns.

    Example: `%2 = fpmoe.append_columns %0, %1 : tensor<4x20xf32>, tensor<4x3xf32> -> tensor<4x23xf32>`
  }];
  let arguments = (ins FPMoE_Weight:$first, FPMoE_Weight:$second);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = [{
    $first `,` $second attr-dict `:` type($first) `,` type($second) `->` type($result)
  }];
  let hasVerifier = 1;
}

def FPMoE_SliceOp : FPMoE_RecipeOp<"slice"> {
  let summary = "A range of rows of every matrix";
  let description = [{
    Takes rows `[first, first + n)` along the second-last dimension, n being the
    result's size there: one half of a fused `gate_up_proj`.

    * `slice_c1`: shapes agree but for the second-last dimension, and the range lies
      inside it.

    Example: `%1 = fpmoe.slice %0 from 4 : tensor<3x8x6xf32> -> tensor<3x4x6xf32>`
  }];
  let arguments = (ins FPMoE_Weight:$input, I64Attr:$first);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = "$input `from` $first attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def FPMoE_SplitRowsOp : FPMoE_RecipeOp<"split_rows"> {
  let summary = "A rank's part of the rows of a weight";
  let description = [{
    Dimension `dim` holds `sections`, so many entries each, one behind the other: the
    heads of q, of k and of v. Of a section, rank r has the `parts` entries from r times
    `parts` on, and zeros in the place of those that are past its end. A recipe is
    evaluated for one rank after the other.

    * `split_rows_c1`: `dim` is not the last dimension; it is the sum of the sections,
      and in the result that of the parts, of which there are as many; all are
      positive. Other dimensions and the element stay.
    * `split_rows_c2`: integers are made of what was split.

    Example: `%1 = fpmoe.split_rows %0 dim 0 sections [8, 2] parts [4, 1] : tensor<10x6xf32> -> tensor<5x6xf32>`
  }];
  let arguments = (ins FPMoE_Weight:$input, I64Attr:$dim,
                       DenseI64ArrayAttr:$sections, DenseI64ArrayAttr:$parts);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = [{
    $input `dim` $dim `sections` $sections `parts` $parts attr-dict
    `:` type($input) `->` type($result)
  }];
  let hasVerifier = 1;
}

def FPMoE_SplitColumnsOp : FPMoE_RecipeOp<"split_columns"> {
  let summary = "A rank's shards of the columns of a weight";
  let description = [{
    Of `[.., N, K]` makes `[.., S, N, k]`: shard s of rank r has the k columns from
    (r S + s) k on, and zeros in the place of those past the last one. Of
    `[.., N, K + tail]`, each shard has the last `tail` columns, too, behind its own:
    `[.., S, N, k + tail]`.

    * `split_columns_c1`: shapes are as said, with columns in front of the tail, which
      is not negative; the element stays.
    * `split_columns_c2`: integers are made of what was split.

    Example: `%1 = fpmoe.split_columns %0 tail 3 : tensor<6x67xf32> -> tensor<2x6x19xf32>`
  }];
  let arguments = (ins FPMoE_Weight:$input, DefaultValuedAttr<I64Attr, "0">:$tail);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = [{
    $input (`tail` $tail^)? attr-dict `:` type($input) `->` type($result)
  }];
  let hasVerifier = 1;
}

def FPMoE_SelectOp : FPMoE_RecipeOp<"select"> {
  let summary = "Some of the stacked experts";
  let description = [{
    * `select_c1`: the result has one entry of the input for each index, and each
      index lies inside the first dimension.

    Example: `%1 = fpmoe.select %0[2] : tensor<3x4x6xf32> -> tensor<1x4x6xf32>`
  }];
  let arguments = (ins FPMoE_Weight:$input, DenseI64ArrayAttr:$indices);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = "$input `` $indices attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def FPMoE_ReshapeOp : FPMoE_RecipeOp<"reshape"> {
  let summary = "The same elements in another shape";
  let description = [{
    * `reshape_c1`: the number of elements stays.

    Example: `%1 = fpmoe.reshape %0 : tensor<12x8xf32> -> tensor<3x4x8xf32>`
  }];
  let arguments = (ins FPMoE_Weight:$input);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def FPMoE_DeinterleaveOp : FPMoE_RecipeOp<"deinterleave", [AllTypesMatch<["input", "result"]>]> {
  let summary = "Puts even rows of every head before odd ones";
  let description = [{
    In the last `width` rows of each group of `head_dim` rows, rows 2i and 2i + 1 become
    rows i and width/2 + i. Rotary embedding that turns neighbouring columns then
    turns halves, as `fpmoe.rope` does; products of q and k stay what they were. Rows
    are those of the first dimension.

    * `deinterleave_c1`: the first dimension is whole groups of `head_dim`; `width` is
      even, positive and at most `head_dim`.

    Example: `%1 = fpmoe.deinterleave %0 head_dim 4 width 4 : tensor<8x6xf32>`
  }];
  let arguments = (ins FPMoE_Weight:$input, I64Attr:$head_dim, I64Attr:$width);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = [{
    $input `head_dim` $head_dim `width` $width attr-dict `:` type($input)
  }];
  let hasVerifier = 1;
}

def FPMoE_ConvertOp : FPMoE_RecipeOp<"convert"> {
  let summary = "Rounds to another element type";
  let description = [{
    Rounds to nearest, ties to even.

    Integers (`!fpmoe.int8`, `!fpmoe.int4`, `!fpmoe.uint4`) are made group by group: 32
    elements of a row, fewer at its end, and before its last `tail` columns, which
    begin groups of their own. The scale d, and a minimum m where there are minima,
    numbers of IEEE half, are those with the least sum of squared errors among some
    candidates, and q = (x - m) / d to the nearest integer that there is. Where one d of
    them holds all elements as they are, they stay what they are: converting twice is
    converting once. A group whose scale would overflow half, or that holds what is no
    number, is an error. Groups that were made before, with regard to what the
    matrix multiplies (lib/Calibrate), take the place of these.

    * `convert_c1`: the shape stays.
    * `convert_c2`: the tail is not negative, and less than a row.
    * `convert_c3`: of integers nothing is made; only they have a tail.

    Example: `%1 = fpmoe.convert %0 : tensor<8x8xf32> -> tensor<8x8xbf16>`
  }];
  let arguments = (ins FPMoE_Weight:$input, DefaultValuedAttr<I64Attr, "0">:$tail);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = [{
    $input (`tail` $tail^)? attr-dict `:` type($input) `->` type($result)
  }];
  let builders = [OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$input), [{
    build($_builder, $_state, result, input, 0);
  }]>];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def FPMoE_AppendRowsOp : FPMoE_RecipeOp<"append_rows", [AllTypesMatch<["first", "second"]>]> {
  let summary = "Puts the rows of one matrix behind those of another";
  let description = [{
    Of `[.., I, K]` and `[.., I, K]` makes `[.., 2 I, K]`, matrix by matrix: of gate and
    up projections the one weight that makes both.

    * `append_rows_c1`: the result's second-last dimension is doubled; all others
      stay.

    Example: `%2 = fpmoe.append_rows %0, %1 : tensor<3x20x8xf32> -> tensor<3x40x8xf32>`
  }];
  let arguments = (ins FPMoE_Weight:$first, FPMoE_Weight:$second);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = "$first `,` $second attr-dict `:` type($first) `->` type($result)";
  let hasVerifier = 1;
}

def FPMoE_PackOp : FPMoE_RecipeOp<"pack"> {
  let summary = "The layout that the kernels read";
  let description = [{
    Lays a matrix, or several behind each other, out as the encoding of the result
    says. Elements stay what they are.

    * `pack_c1`: shape and element type stay; the result has an encoding that is a
      packing, and the input has none.

    Example: `%1 = fpmoe.pack %0 : tensor<20x8xbf16> -> tensor<20x8xbf16, #mega.packed<n = 16, k = 2>>`
  }];
  let arguments = (ins FPMoE_Weight:$input);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

#endif
