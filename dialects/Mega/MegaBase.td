//===- MegaBase.td - Dialect, enumerations and interface ---*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_MEGA_MEGABASE_TD
#define FPMOE_DIALECTS_MEGA_MEGABASE_TD

include "dialects/FPMoE/FPMoEBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def MegaDialect : Dialect {
  let name = "mega";
  let cppNamespace = "::mega";
  let summary = "A step of the model, run by a team of workers";
  let description = [{
    The schedule phase turns the graph into two programs of this dialect, one
    for a single token (decode) and one for many (prefill). All workers run the
    same program. A phase is a space of tiles, each done by one worker; a phase
    without tiles is done by every worker for itself. What phases exchange lies
    in buffers: `shared` ones belong to the team, `private` ones to a worker.

    Which tile reads and writes which part of a buffer is known to the ops
    (`TileOpInterface`); the verifier of a phase proves from it that no tile
    touches what another one writes, and passes place barriers by it.

    How a weight lies in memory is the encoding of its type, `#mega.packed`. The
    module attribute `mega.target`, a `#mega.target`, says for what machine.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
}

class Mega_Op<string mnemonic, list<Trait> traits = []>
    : Op<MegaDialect, mnemonic, traits>;

def Mega_BufferSpace : I32EnumAttr<"BufferSpace", "who a buffer belongs to", [
    I32EnumAttrCase<"Shared", 0, "shared">,
    I32EnumAttrCase<"Private", 1, "private">,
    I32EnumAttrCase<"Cache", 2, "cache">,
    I32EnumAttrCase<"Logits", 3, "logits">]> {
  let cppNamespace = "::mega";
}

def Mega_StepInput : I32EnumAttr<"StepInput", "what the caller says of a step", [
    I32EnumAttrCase<"Tokens", 0, "tokens">,
    I32EnumAttrCase<"Positions", 1, "positions">,
    I32EnumAttrCase<"LogitsRows", 2, "logits_rows">,
    I32EnumAttrCase<"Forced", 3, "forced">,
    I32EnumAttrCase<"Languages", 4, "languages">,
    I32EnumAttrCase<"Segments", 5, "segments">,
    I32EnumAttrCase<"Routes", 6, "routes">]> {
  let cppNamespace = "::mega";
}

def Mega_TileSizeEnum : I32EnumAttr<"TileSize", "sizes of tile spaces that a step has", [
    I32EnumAttrCase<"Tokens", 0, "tokens">,
    I32EnumAttrCase<"Blocks", 1, "blocks">,
    I32EnumAttrCase<"BlockGroups", 2, "block_groups">,
    I32EnumAttrCase<"LogitsBlocks", 3, "logits_blocks">,
    I32EnumAttrCase<"ExpertBlocks", 4, "expert_blocks">,
    I32EnumAttrCase<"Spans", 5, "spans">,
    I32EnumAttrCase<"QueryBlocks", 6, "query_blocks">]> {
  let cppNamespace = "::mega";
  let genSpecializedAttr = 0;
}
def Mega_TileSizeAttr : EnumAttr<MegaDialect, Mega_TileSizeEnum, "size"> {
  let assemblyFormat = "$value";
}

def Mega_Buffer : MemRefOf<[AnyType]>;
def Mega_Weight : RankedTensorOf<[F32, F16, BF16, FPMoE_GroupElement]>;

def Mega_TileOpInterface : OpInterface<"TileOpInterface"> {
  let cppNamespace = "::mega";
  let description = "Work of one tile of a phase, and what it touches.";
  let methods = [
    InterfaceMethod<
      "Which parts of which buffers a tile reads and writes.",
      "void", "getAccesses", (ins "::llvm::SmallVectorImpl<::mega::TileAccess> &":$accesses)>,
    InterfaceMethod<
      "How many dimensions the tile space of its phase must have.",
      "int64_t", "getTileRank", (ins)>,
    InterfaceMethod<
      "Whether a phase of which it is the first op can have so many tiles.",
      "bool", "allowsTileSize", (ins "::mega::TileSize":$size), [{}], [{
        return size == ::mega::TileSize::Tokens || size == ::mega::TileSize::Blocks;
      }]>,
    InterfaceMethod<
      "Which rows it multiplies by which packed weights; none where it does not.",
      "::mega::TileProduct", "getProduct", (ins), [{}], [{ return {}; }]>
  ];
}

#endif
