//===- ProgramOps.td - Programs, buffers, phases, barriers -*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_MEGA_PROGRAMOPS_TD
#define FPMOE_DIALECTS_MEGA_PROGRAMOPS_TD

include "dialects/Mega/MegaBase.td"
include "mlir/IR/OpAsmInterface.td"

def Mega_ProgramOp : Mega_Op<"program", [
    Symbol, IsolatedFromAbove, NoTerminator, SingleBlock,
    HasParent<"::mlir::ModuleOp">]> {
  let summary = "One step of the model";
  let description = [{
    Takes up to `max_tokens` tokens of one or more sequences, those of a sequence
    consecutive. `rows` tokens, which are multiplied at a time, form a block.

    * `program_c1`: `max_tokens`, `rows` and `context` are positive, and `rows`
      is at most `max_tokens`.

    Example: `mega.program @decode max_tokens 1 rows 1 context 64 {}`
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$max_tokens, I64Attr:$rows,
                       I64Attr:$context);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `max_tokens` $max_tokens `rows` $rows `context` $context $body attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Bytes of the scratch in a space, whose buffers have their places.
    int64_t getScratchBytes(::mega::BufferSpace space);
    /// Tickets of a step, from which workers draw tiles: one for each phase, and
    /// as many for every layer as the largest has phases.
    int64_t getNumTopPhases();
    int64_t getNumLayerPhases();
    int64_t getNumTickets();
    /// The op that runs the layers; null if there is none.
    ::mega::LayersOp getLayersOp();
  }];
}

def Mega_BufferOp : Mega_Op<"buffer", [DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "Memory of the team, of a worker, or of the caller";
  let description = [{
    `shared` and `private` memory is scratch of one step; `cache` lives as long
    as the sequences, `[layers, kv_heads, positions, K + V]`, the positions being those of
    all pages that the caller has room for, K and V the columns of a key and a value, each
    rounded up to 16; `logits` is the caller's `[rows, vocabulary]`.

    `mega-assign-buffers` gives scratch its place: `offset` bytes from the start of
    what the team, or the worker, has.

    * `buffer_c1`: all sizes are static, but for the positions of the cache and
      the rows of the logits; none is 0.
    * `buffer_c2`: the layout is the default one or, of a packed operand
      `[blocks, K/k, rows, k]`, row-major: strides by which a row lies together.
    * `buffer_c3`: an offset is a multiple of 64, and only scratch has one.

    Example: `%x = mega.buffer shared at 4096 : memref<1x64xf32>`
  }];
  let arguments = (ins Mega_BufferSpace:$space, OptionalAttr<I64Attr>:$offset,
                       OptionalAttr<StrAttr>:$name);
  let results = (outs Mega_Buffer:$result);
  let builders = [OpBuilder<(ins "::mlir::MemRefType":$type, "::mega::BufferSpace":$space,
                                 "::llvm::StringRef":$name), [{
    build($_builder, $_state, type, space, ::mlir::IntegerAttr(),
          $_builder.getStringAttr(name));
  }]>];
  let assemblyFormat = "$space ($name^)? (`at` $offset^)? attr-dict `:` type($result)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Bytes of scratch.
    int64_t getBytes();
  }];
}

def Mega_InputOp : Mega_Op<"input", [Pure, DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "What the caller says of the step";
  let description = [{
    The memory that `FpmoeStep` (include/fpmoe/runtime/abi.h) names: the ids of the
    step's `tokens`, their `positions`, the rows that have logits (`logits_rows`), the
    experts that are `forced`, the `languages` of the tokens, where complete `segments`
    begin, and where the `routes` taken are wanted.

    * `input_c1`: an input is `memref<?xi32>`.

    Example: `%tokens = mega.input tokens : memref<?xi32>`
  }];
  let arguments = (ins Mega_StepInput:$input);
  let results = (outs Mega_Buffer:$result);
  let assemblyFormat = "$input attr-dict `:` type($result)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The type that every input has.
    static ::mlir::MemRefType getInputType(::mlir::MLIRContext *context);
  }];
}

def Mega_WeightOp : Mega_Op<"weight", [
    Pure, DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "A weight, as it lies in the program";
  let description = [{
    * `mega_weight_c1`: the symbol is an `fpmoe.weight` of the result's type, and a layer
      is given exactly where that has layers.

    Example: `%w = mega.weight @norm[%layer] : tensor<64xf32>`
  }];
  let arguments = (ins FlatSymbolRefAttr:$weight, Optional<Index>:$layer);
  let results = (outs Mega_Weight:$result);
  let assemblyFormat = "$weight (`[` $layer^ `]`)? attr-dict `:` type($result)";
}

def Mega_LayersOp : Mega_Op<"layers", [
    HasParent<"ProgramOp">, NoTerminator, SingleBlock]> {
  let summary = "Phases of every layer, one layer after the other";
  let description = [{
    Layer i runs region `order[i]`, which takes i.

    * `mega_layers_c1`: every entry of `order` names a region, and every region is used.
    * `mega_layers_c2`: a region takes one index.
  }];
  let arguments = (ins DenseI64ArrayAttr:$order);
  let regions = (region VariadicRegion<SizedRegion<1>>:$kinds);
  let assemblyFormat = "`order` $order $kinds attr-dict";
  let hasRegionVerifier = 1;
}

def Mega_PhaseOp : Mega_Op<"phase", [NoTerminator, SingleBlock]> {
  let summary = "A space of tiles that do not depend on each other";
  let description = [{
    `tiles` are the sizes of the space's dimensions: a number, `tokens` of the step,
    `blocks` of tokens, `block_groups` (of as many blocks as the op says),
    `logits_blocks` (of tokens with logits), `expert_blocks` (of the tokens of each
    expert), `query_blocks` (of the tokens of each sequence) or `spans` of the cache.
    Every tile is done by one worker, its ops in order. Without tiles, every
    worker does all of it for itself.

    With `ahead`, nothing is done: each worker asks for the weights of its first tiles
    of such a phase, which comes later, so that they are on their way meanwhile.

    * `phase_c1`: what a tile writes, no other tile of the phase reads or writes.
    * `phase_c2`: without tiles, only private buffers are written.
    * `phase_c3`: there are ops, with as many dimensions as the phase.
    * `phase_c4`: a size is a positive number, or one of the names that the first op
      has: `block_groups` are of `qkv` and `linear`, `expert_blocks` of `gather`,
      `query_blocks` of `attention`.
    * `phase_c5`: with `ahead`, the phase is one whose tiles read weights: one op that
      multiplies by them, and a number of tiles, in the first dimension alone.

    Example:

    ```mlir
    mega.phase "norm" tiles [blocks] {
      mega.norm %x, %w into %operand eps 1.0e-6 : memref<512x64xf32>, tensor<64xf32>, memref<43x32x12x2xbf16>
    }
    ```
  }];
  let arguments = (ins StrAttr:$name, OptionalAttr<ArrayAttr>:$tiles, UnitAttr:$ahead);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$name (`ahead` $ahead^)? (`tiles` custom<TileSizes>($tiles)^)? $body attr-dict";
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// Dimensions of the tile space; 0 where every worker does everything.
    int64_t getRank() { return getTiles() ? getTiles()->size() : 0; }
    /// Whether each tile multiplies by weights that are its own: one op does, of
    /// a number of tiles in the first dimension alone.
    bool readsWeights();
    /// What all ops of the phase touch.
    ::llvm::SmallVector<::mega::TileAccess> getAccesses();
  }];
}

def Mega_BarrierOp : Mega_Op<"barrier"> {
  let summary = "Waits for all workers";
  let description = [{
    Example: `mega.barrier`
  }];
  let assemblyFormat = "attr-dict";
}

#endif
