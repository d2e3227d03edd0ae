//===- Passes.td - the specialize phase --------------------*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_PASSES_SPECIALIZE_PASSES_TD
#define FPMOE_PASSES_SPECIALIZE_PASSES_TD

include "mlir/Pass/PassBase.td"

def SelectLanguages : Pass<"fpmoe-select-languages", "::mlir::ModuleOp"> {
  let summary = "Keeps the experts of some languages";
  let description = [{
    The other experts go out of the weights. With a single expert left whose
    weight is always 1, because there is one choice and weights are
    renormalised, the router goes too. Otherwise the router stays whole: the
    scores of the experts left are what they were in the whole program, which
    gives the same result wherever it chooses the same experts.

    Where tokens and segments choose, a language may have an expert on each level.
    Those of every language asked for stay, and the shared ones.

    Without languages, or with all of them, nothing happens.

    Example (`test/passes/Specialize/select-languages.mlir`), with
    `languages=ocaml`:

    ```mlir
    %w, %e = fpmoe.route %x : tensor<?x8xf32> router %r : tensor<2x8xf32> by #fpmoe.token_choice<top_k = 1, renormalize = true> -> tensor<?x1xf32>, tensor<?x1xi32>
    %y = fpmoe.experts %x, %w, %e, %gate, %up, %down names ["haskell", "ocaml"] : tensor<?x8xf32>, tensor<?x1xf32>, tensor<2x6x8xf32>, tensor<2x8x6xf32>
    ```

    becomes

    ```mlir
    %w, %e = fpmoe.route %x : tensor<?x8xf32> by #fpmoe.fixed<expert = 0> -> tensor<?x1xf32>, tensor<?x1xi32>
    %y = fpmoe.experts %x, %w, %e, %gate1, %up1, %down1 names ["ocaml"] : tensor<?x8xf32>, tensor<?x1xf32>, tensor<1x6x8xf32>, tensor<1x8x6xf32>
    ```
  }];
  let options = [
    ListOption<"languages", "languages", "std::string",
               "Names of the experts to keep; none keeps all">
  ];
}

def SelectAdapters : Pass<"fpmoe-select-adapters", "::mlir::ModuleOp"> {
  let summary = "Keeps the low-rank paths of some languages";
  let description = [{
    Where products have low ranks, one for each language of the model, those of the
    other languages go. With a single language left, every token takes it: its path
    and the shared one are added to the weights, and the products are those of a
    dense model.

    Without languages, with all of several, or in a model without adapters for
    languages, nothing happens.

    Example (`test/passes/Specialize/select-adapters.mlir`), with
    `languages=ocaml`:

    ```mlir
    %y = fpmoe.linear %x, %w low_rank %a : tensor<7x8xf32> ranks [1, 2, 2, 2] : tensor<?x8xf32>, tensor<4x23xf32> -> tensor<?x4xf32>
    ```

    becomes

    ```mlir
    %y = fpmoe.linear %x, %w1 : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
    ```
  }];
  let options = [
    ListOption<"languages", "languages", "std::string",
               "Names of the languages to keep; none keeps all">
  ];
}

def VerifySpecialized : Pass<"fpmoe-verify-specialized", "::mlir::ModuleOp"> {
  let summary = "Fails where an expert is left that was not asked for";
  let description = [{
    Closes the specialize phase: where languages are given, the experts are
    theirs alone, or shared.
  }];
  let options = [
    ListOption<"languages", "languages", "std::string",
               "Names of the experts that may be there; none allows all">
  ];
}

#endif
