//===- FPMoEBase.td - Dialect definition -------------------*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_FPMOE_FPMOEBASE_TD
#define FPMOE_DIALECTS_FPMOE_FPMOEBASE_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def FPMoEDialect : Dialect {
  let name = "fpmoe";
  let cppNamespace = "::fpmoe";
  let summary = "Mixtures of language experts: the model and its weights";
  let description = [{
    A module holds one model: `func.func @main` maps token ids and positions to
    logits, further functions are the bodies that layers share, and
    `fpmoe.weight` symbols are the weights. A weight never holds data: its
    region, the recipe, says how it is made from a checkpoint.

    Activations are `tensor<?xNxf32>`, a row per token. Weights of linear maps
    are `[out, in]`, as in PyTorch; experts are stacked in front, `[E, out, in]`.

    The module attribute `fpmoe.model` is a dictionary of what the program needs
    beside the graph: `name`, `architecture`, `context` (positions), `source`
    (directory of the tokenizer and of the weights), `eos` (token ids),
    `temperature`, `top_p`, `top_k` (sampling defaults), `dtype` (`"f32"` or
    `"bf16"`: the storage format that fits the checkpoint). A model that is
    assembled from parts has `parts`, a dictionary from the names of the parts to
    their directories; `source` is then the directory of the tokenizer.
    Where tokens have languages, `languages` are their names.
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mlir::func::FuncDialect"];
  let hasOperationAttrVerify = 1;
}

class FPMoE_Op<string mnemonic, list<Trait> traits = []>
    : Op<FPMoEDialect, mnemonic, traits>;

/// Sizes are bounded, so that no arithmetic on them can overflow.
class FPMoE_ShapePred<string function>
    : CPred<"::fpmoe::" # function #
            "(::llvm::cast<::mlir::RankedTensorType>($_self).getShape())">;
def FPMoE_Weight
    : RankedTensorOf<[F32, BF16], [FPMoE_ShapePred<"isWeightShape">],
                     "tensor of static shape, neither empty nor above 2^50 elements,">;
def FPMoE_Rows : RankedTensorOf<[F32], [FPMoE_ShapePred<"isRowsShape">],
                                "rows of 1 to 2^40 columns">;

/// One 32-bit integer a token; the only type of that kind, so never printed.
def FPMoE_Ids : Type<
    CPred<"$_self == ::mlir::RankedTensorType::get({::mlir::ShapedType::kDynamic}, "
          "::mlir::IntegerType::get($_self.getContext(), 32))">,
    "tensor<?xi32>">,
    BuildableType<"::mlir::RankedTensorType::get({::mlir::ShapedType::kDynamic}, "
                  "$_builder.getI32Type())">;

#endif
