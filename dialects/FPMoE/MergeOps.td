//===- MergeOps.td - Weights made of weights ---------------*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Arithmetic of recipes: what assembles a mixture from dense checkpoints and
// adapters. All of it is f32; a result of bf16 is rounded at the end.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_FPMOE_MERGEOPS_TD
#define FPMOE_DIALECTS_FPMOE_MERGEOPS_TD

include "mlir/IR/EnumAttr.td"
include "dialects/FPMoE/RecipeOps.td"

def FPMoE_FillOp : FPMoE_RecipeOp<"fill"> {
  let summary = "One number everywhere";
  let description = [{
    Example: `%0 = fpmoe.fill 0.0 : tensor<1x8xf32>`
  }];
  let arguments = (ins F64Attr:$value);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = "$value attr-dict `:` type($result)";
}

def FPMoE_ByLayerOp : FPMoE_RecipeOp<"by_layer"> {
  let summary = "Another recipe for other layers";
  let description = [{
    Is the operand whose list holds the number of the layer; the recipes of the
    other operands are not evaluated. An adapter that changes some of the layers
    thus needs no further body.

    * `by_layer_c1`: one list of layers for each operand, and at least one operand.
    * `by_layer_c2`: every layer of the weight is in exactly one list.
    * `by_layer_c3`: the operands are of the result's type.

    Example: `%2 = fpmoe.by_layer %layer, %0, %1 of [[0, 2], [1]] : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x8xf32>`
  }];
  let arguments = (ins Index:$layer, Variadic<FPMoE_Weight>:$inputs,
                       IndexListArrayAttr:$layers);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = [{
    $layer `,` $inputs `of` $layers attr-dict `:` type($inputs) `->` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The operand for a layer; null if no list holds it.
    ::mlir::Value getInputOf(int64_t layer);
  }];
}

def FPMoE_TransposeOp : FPMoE_RecipeOp<"transpose"> {
  let summary = "Exchanges the last two dimensions";
  let description = [{
    * `transpose_c1`: at least two dimensions; the last two of the operand are
      those of the result exchanged, all others stay.

    Example: `%1 = fpmoe.transpose %0 : tensor<4x8xf32> -> tensor<8x4xf32>`
  }];
  let arguments = (ins FPMoE_Weight:$input);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def FPMoE_ProductOp : FPMoE_RecipeOp<"product"> {
  let summary = "The matrix product of two thin matrices";
  let description = [{
    Of `[.., M, R]` and `[.., R, N]` makes `[.., M, N]`: what a LoRA adapter adds,
    B times A. The sum over R is in f32, from the first to the last.

    * `product_c1`: at least two dimensions; the inner ones agree, the outer ones
      are those of the result, all others are equal.

    Example: `%2 = fpmoe.product %0, %1 : tensor<8x2xf32>, tensor<2x6xf32> -> tensor<8x6xf32>`
  }];
  let arguments = (ins FPMoE_Weight:$left, FPMoE_Weight:$right);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = [{
    $left `,` $right attr-dict `:` type($left) `,` type($right) `->` type($result)
  }];
  let hasVerifier = 1;
}

def FPMoE_WeightedSumOp : FPMoE_RecipeOp<"weighted_sum", [SameOperandsAndResultType]> {
  let summary = "The sum of tensors times numbers";
  let description = [{
    Sums `weights[i]` times operand i, from the first to the last. With
    `normalized`, the sum is divided by that of the weights: a linear merge. With
    one operand it scales.

    * `weighted_sum_c1`: at least one operand, one finite weight for each, all of
      the result's type.
    * `weighted_sum_c2`: the weights of a normalized sum do not sum to zero.

    Example: `%2 = fpmoe.weighted_sum %0, %1 weights [0.5, 1.5] normalized : tensor<4x8xf32>`
  }];
  let arguments = (ins Variadic<FPMoE_Weight>:$inputs,
                       DenseF64ArrayAttr:$weights, UnitAttr:$normalized);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = [{
    $inputs `weights` $weights (`normalized` $normalized^)? attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

def FPMoE_TaskArithmeticOp : FPMoE_RecipeOp<"task_arithmetic", [SameOperandsAndResultType]> {
  let summary = "A base, and the weighted differences of others to it";
  let description = [{
    Adds to the base `lambda` times the sum of `weights[i]` times (operand i minus
    the base). With `normalized`, the sum is divided by that of the weights,
    unless it is below 1e-8 in magnitude.

    * `task_arithmetic_c1`: at least one operand, one finite weight for each, all
      of the base's type; `lambda` is finite.

    Example: `%3 = fpmoe.task_arithmetic %0 plus %1, %2 weights [0.5, 1.0] lambda 1.0 : tensor<4x8xf32>`
  }];
  let arguments = (ins FPMoE_Weight:$base, Variadic<FPMoE_Weight>:$inputs,
                       DenseF64ArrayAttr:$weights, F64Attr:$lambda,
                       UnitAttr:$normalized);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = [{
    $base `plus` $inputs `weights` $weights `lambda` $lambda
    (`normalized` $normalized^)? attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

def FPMoE_TiesForm : I32EnumAttr<"TiesForm", "Which rule of TIES merging", [
    I32EnumAttrCase<"MergeKit", 0, "mergekit">,
    I32EnumAttrCase<"Peft", 1, "peft">]> {
  let cppNamespace = "::fpmoe";
}

def FPMoE_TiesOp : FPMoE_RecipeOp<"ties", [SameOperandsAndResultType]> {
  let summary = "Trims, elects signs, and merges what agrees";
  let description = [{
    With the differences d_i of the operands to the base:

    1. Trim: of d_i stay the floor(`densities[i]` times their number) largest in
       magnitude, of equal ones the first; the others become zero. `mergekit`
       keeps at least one. A density of 1 keeps all.
    2. Elect: the sign of an element is that of the sum over i of
       `weights[i]` d_i (`mergekit`) or of d_i (`peft`), where a sum of zero is
       positive.
    3. Merge: sum `weights[i]` d_i over the i that agree, which is judged by the
       sign of `weights[i]` d_i (`mergekit`) or of d_i (`peft`). `peft` divides by
       their number, `mergekit` with `normalized` by the sum of their weights, and
       neither where that is zero.
    4. Add `lambda` times the result to the base.

    * `ties_c1`: at least one operand, one finite weight for each, all of the
      base's type; `lambda` is finite.
    * `ties_c2`: one density for each operand, above 0 and at most 1.
    * `ties_c3`: only `mergekit` is `normalized`.

    Example: `%3 = fpmoe.ties mergekit %0 plus %1, %2 weights [0.5, 1.0] densities [0.2, 0.3] lambda 1.0 normalized : tensor<4x8xf32>`
  }];
  let arguments = (ins FPMoE_TiesForm:$form, FPMoE_Weight:$base,
                       Variadic<FPMoE_Weight>:$inputs,
                       DenseF64ArrayAttr:$weights,
                       DenseF64ArrayAttr:$densities, F64Attr:$lambda,
                       UnitAttr:$normalized);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = [{
    $form $base `plus` $inputs `weights` $weights `densities` $densities
    `lambda` $lambda (`normalized` $normalized^)? attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

def FPMoE_SumRowsOp : FPMoE_RecipeOp<"sum_rows"> {
  let summary = "The sum of some rows of a table";
  let description = [{
    Of `[V, H]` makes `[H]`; a row that is named twice counts twice. With the
    embedding as table and the tokens of a prompt as rows, it is the start of a
    router that needs no training.

    * `sum_rows_c1`: a table of two dimensions, rows as wide as the result.
    * `sum_rows_c2`: at least one row, each of the table.

    Example: `%1 = fpmoe.sum_rows %0[2, 0, 2] : tensor<4x8xf32> -> tensor<8xf32>`
  }];
  let arguments = (ins FPMoE_Weight:$table, DenseI64ArrayAttr:$rows);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = "$table `` $rows attr-dict `:` type($table) `->` type($result)";
  let hasVerifier = 1;
}

def FPMoE_PromptStateOp : FPMoE_RecipeOp<"prompt_state"> {
  let summary = "What goes into a layer at the end of prompts";
  let description = [{
    Runs the model of the part `from`, in f32, over each of `prompts`, which are
    lists of token ids, and takes the input of the layer: at the last token of the
    prompt, or with `average` its mean over the tokens. The result is the mean over
    the prompts.

    With `padding`, prompts count as filled up in front, to the length of the
    longest, with that token; it attends to nothing and is seen by no other token.
    mergekit averages over such prompts.

    * `prompt_state_c1`: one dimension.
    * `prompt_state_c2`: at least one prompt, each of at least one token.
    * `prompt_state_c3`: tokens and `padding` are from 0 to 2^31 - 1.
    * `prompt_state_c4`: `padding` comes with `average`.
    * `prompt_state_c5`: the part is among the `parts` of the module's `fpmoe.model`.

    Example: `%0 = fpmoe.prompt_state %layer from "base" prompts [[1, 2], [3]] average padding 0 : tensor<8xf32>`
  }];
  let arguments = (ins Index:$layer, StrAttr:$part, IndexListArrayAttr:$prompts,
                       UnitAttr:$average, OptionalAttr<I64Attr>:$padding);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = [{
    $layer `from` $part `prompts` $prompts (`average` $average^)?
    (`padding` $padding^)? attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

def FPMoE_UnitOp : FPMoE_RecipeOp<"unit", [SameOperandsAndResultType]> {
  let summary = "A vector divided by its length";
  let description = [{
    The length, the root of the sum of squares, counts as 1e-8 at least.

    * `unit_c1`: one dimension; the shape stays.

    Example: `%1 = fpmoe.unit %0 : tensor<8xf32>`
  }];
  let arguments = (ins FPMoE_Weight:$input);
  let results = (outs FPMoE_Weight:$result);
  let assemblyFormat = "$input attr-dict `:` type($result)";
  let hasVerifier = 1;
}

#endif
