//===- Passes.td - the quantize phase ----------------------*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_PASSES_QUANTIZE_PASSES_TD
#define FPMOE_PASSES_QUANTIZE_PASSES_TD

include "mlir/Pass/PassBase.td"

def SetStorage : Pass<"fpmoe-set-storage", "::mlir::ModuleOp"> {
  let summary = "Chooses the format in which matrices are stored";
  let description = [{
    Weights that are tables of embeddings or matrices of linear maps, of qkv, of
    experts and of feed-forward networks are rounded to the format. Norms,
    biases, routers, scales of shared experts and tables of rotary embedding are
    small, and stay f32. Behind the format, matrices can have others by their names:
    the first rule that matches counts, and every rule has to name one.

    Low-rank factors that multiply a product's input are f32 where others are integers:
    what they make is put behind the input before it is rounded to integers itself.

    Example (`test/passes/Quantize/set-storage.mlir`), with `format=bf16`:

    ```mlir
    fpmoe.weight @w : tensor<4x8xf32> {
      %0 = fpmoe.load "w" : tensor<4x8xf32>
      fpmoe.yield %0 : tensor<4x8xf32>
    }
    ```

    becomes, if a linear map uses it,

    ```mlir
    fpmoe.weight @w : tensor<4x8xbf16> {
      %0 = fpmoe.load "w" : tensor<4x8xf32>
      %1 = fpmoe.convert %0 : tensor<4x8xf32> -> tensor<4x8xbf16>
      fpmoe.yield %1 : tensor<4x8xbf16>
    }
    ```

    In the pipeline `fpmoe-quantize`, `fpmoe-fold-recipes` makes a load of bf16
    of it.
  }];
  let options = [
    Option<"format", "format", "std::string", "",
           "f32, f16, bf16, int8, uint4 or int4, and rules, as in int4,*down_proj=int8; by default what the module says of its checkpoint">
  ];
}

def SetCache : Pass<"fpmoe-set-cache", "::mlir::ModuleOp"> {
  let summary = "Chooses the type of the keys and values that are kept";
  let description = [{
    Half the bytes of f32 for each position, and as much as a step over a long text
    reads beside the weights. By default bf16, but f32 where all matrices are f32 or
    f16, which is nearer to f32 than bf16 is.

    Example (`test/passes/Quantize/set-cache.mlir`): with `cache=bf16`,
    `fpmoe.attention %q, %k, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5`
    becomes `... scale 0.5 cache bf16`.
  }];
  let options = [
    Option<"cache", "cache", "std::string", "",
           "f32 or bf16; by default what the matrices are made for">
  ];
}

def VerifyStorage : Pass<"fpmoe-verify-storage", "::mlir::ModuleOp"> {
  let summary = "Fails where what is no matrix has a storage format";
  let description = [{
    Closes the quantize phase: matrices have a format each, all other weights are
    f32.
  }];
}

#endif
