//===- MegaBase.td - Dialect, enumerations and interface ---*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_MEGA_MEGABASE_TD
#define FPMOE_DIALECTS_MEGA_MEGABASE_TD

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
  }];
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

def Mega_Buffer : MemRefOf<[AnyType]>;
def Mega_Weight : RankedTensorOf<[F32, BF16]>;

def Mega_TileOpInterface : OpInterface<"TileOpInterface"> {
  let cppNamespace = "::mega";
  let description = "Work of one tile of a phase, and what it touches.";
  let methods = [
    InterfaceMethod<
      "Which parts of which buffers a tile reads and writes.",
      "void", "getAccesses", (ins "::llvm::SmallVectorImpl<::mega::TileAccess> &":$accesses)>,
    InterfaceMethod<
      "How many dimensions the tile space of its phase must have.",
      "int64_t", "getTileRank", (ins)>
  ];
}

#endif
