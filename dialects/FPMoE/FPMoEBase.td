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
    `temperature`, `top_p`, `top_k` (sampling defaults), `dtype` (the storage format
    that fits the checkpoint). Where its matrices are integers in part, or differ,
    `formats` is a dictionary from names of `fpmoe.load` to formats. A model that is
    assembled from parts has `parts`, a dictionary from the names of the parts to
    their directories; `source` is then the directory of the tokenizer. Of a model that
    is split, `ranks` is the number of processes.
    Where tokens have languages, `languages` are their names. Further defaults
    of `generation_config.json`, if there are any, stand in `sampling`, a
    dictionary with the names that they have there; bad words are among
    `sequence_bias`, a list of dictionaries of `tokens` (an i32 array) and `bias`.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let dependentDialects = ["::mlir::func::FuncDialect"];
  let hasOperationAttrVerify = 1;
}

class FPMoE_Op<string mnemonic, list<Trait> traits = []>
    : Op<FPMoEDialect, mnemonic, traits>;

/// Sizes are bounded, so that no arithmetic on them can overflow.
class FPMoE_ShapePred<string function>
    : CPred<"::fpmoe::" # function #
            "(::llvm::cast<::mlir::RankedTensorType>($_self).getShape())">;
/// Integers are a storage format of matrices: see StorageTypes.td.
def FPMoE_GroupElement
    : Type<CPred<"::llvm::isa<::fpmoe::Int8Type, ::fpmoe::UInt4Type, ::fpmoe::Int4Type>($_self)">,
           "int8, uint4 or int4 in groups">;
def FPMoE_Weight
    : RankedTensorOf<[F32, F16, BF16, FPMoE_GroupElement], [FPMoE_ShapePred<"isWeightShape">],
                     "tensor of static shape, neither empty nor above 2^50 elements,">;
def FPMoE_Rows : RankedTensorOf<[F32], [FPMoE_ShapePred<"isRowsShape">],
                                "rows of 1 to 2^40 columns">;

/// How a weight lies in memory stands in its type, as the encoding of the tensor;
/// without one it lies row by row.
def FPMoE_PackingAttrInterface : AttrInterface<"PackingAttrInterface"> {
  let cppNamespace = "::fpmoe";
  let description = "The layout of a weight that kernels read.";
  let methods = [
    InterfaceMethod<"Bytes of one instance of a weight of this type.",
                    "int64_t", "getInstanceBytes",
                    (ins "::mlir::RankedTensorType":$type)>
  ];
}

/// Ops that multiply by matrices, which have a storage format and are packed.
/// Norms, biases, routers, scales and rotary tables are none.
def FPMoE_MatricesOpInterface : OpInterface<"MatricesOpInterface"> {
  let cppNamespace = "::fpmoe";
  let description = "Multiplies by matrices, or takes rows of one.";
  let methods = [
    InterfaceMethod<"The matrices, as far as there are any.",
                    "::llvm::SmallVector<::fpmoe::StoredMatrix>", "getMatrices">
  ];
}

/// One 32-bit integer a token; the only type of that kind, so never printed.
def FPMoE_Ids : Type<
    CPred<"$_self == ::mlir::RankedTensorType::get({::mlir::ShapedType::kDynamic}, "
          "::mlir::IntegerType::get($_self.getContext(), 32))">,
    "tensor<?xi32>">,
    BuildableType<"::mlir::RankedTensorType::get({::mlir::ShapedType::kDynamic}, "
                  "$_builder.getI32Type())">;

#endif
