//===- MegaAttrs.td - How weights lie, and the machine -----*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_MEGA_MEGAATTRS_TD
#define FPMOE_DIALECTS_MEGA_MEGAATTRS_TD

include "dialects/FPMoE/FPMoEBase.td"
include "dialects/Mega/MegaBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/TensorEncoding.td"

class Mega_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<MegaDialect, name, traits> {
  let mnemonic = attrMnemonic;
  let genVerifyDecl = 1;
}

def Mega_PackedAttr : Mega_Attr<"Packed", "packed", [
    DeclareAttrInterfaceMethods<FPMoE_PackingAttrInterface>,
    DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "Weights of products, in panels of columns";
  let description = [{
    The encoding of a weight `[.., N, K]`, whose N rows are the columns of a product
    x W^T. Each matrix lies as `[panels, K/k, n, k]`: a panel has n of those columns
    side by side, k elements of each together, and is read from the first element of
    K to the last. N is filled up with zero columns to a multiple of n, K with
    zeros to a multiple of 16.

    With `halves`, vectors of 16 columns of the first half of the N rows and of the
    second one alternate, each half filled up to whole vectors: gate and up of the
    same columns stand beside each other. The last `tail` elements of K begin at a multiple of 16: they
    multiply what low ranks put behind the rows of an operand.

    Integers stand k = 32 together, a group, and K and the tail are filled up to
    groups. A group of 16 columns lies as their elements, then their 16 scales of IEEE
    half and, of `!fpmoe.uint4`, their 16 minima; n columns are n / 16 of these. Elements
    are q + 128 (`!fpmoe.int8`), q + 8 (`!fpmoe.int4`) or q (`!fpmoe.uint4`): four of a
    column fill a word of bytes, 16 words the columns, and 8 of these vectors a group.
    Of 4 bits, vectors 2 i and 2 i + 1 share their bytes, the first one in the lower
    halves.

    * `packed_c1`: n is 16, 32 or 64; k is 1, 2, 4 or 32.
    * `packed_c2`: the tensor has two dimensions or more, with `halves` N is even,
      `tail` is not negative and less than K, and k elements have 2 or 4 bytes, or are
      32 integers.

    Example: `tensor<3x20x8xbf16, #mega.packed<n = 16, k = 2>>`
  }];
  let parameters = (ins "int64_t":$n, "int64_t":$k,
                        DefaultValuedParameter<"bool", "false">:$halves,
                        DefaultValuedParameter<"int64_t", "0">:$tail);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Mega_DotInstruction : I32EnumAttr<"DotInstruction", "what sums products of bf16", [
    I32EnumAttrCase<"None", 0, "none">,
    I32EnumAttrCase<"Avx512Bf16", 1, "avx512_bf16">,
    I32EnumAttrCase<"AmxBf16", 2, "amx_bf16">,
    I32EnumAttrCase<"NeonBf16", 3, "neon_bf16">,
    I32EnumAttrCase<"CudaMma", 4, "cuda_mma">]> {
  let cppNamespace = "::mega";
  let genSpecializedAttr = 0;
}

def Mega_IntDotInstruction : I32EnumAttr<"IntDotInstruction", "what sums products of integers", [
    I32EnumAttrCase<"None", 0, "none">,
    I32EnumAttrCase<"Avx2", 1, "avx2">,
    I32EnumAttrCase<"AvxVnni", 2, "avx_vnni">,
    I32EnumAttrCase<"Avx512Vnni", 3, "avx512_vnni">,
    I32EnumAttrCase<"NeonDot", 4, "neon_dot">,
    I32EnumAttrCase<"NeonI8mm", 5, "neon_i8mm">,
    I32EnumAttrCase<"AmxInt8", 6, "amx_int8">]> {
  let cppNamespace = "::mega";
  let genSpecializedAttr = 0;
}

def Mega_TargetAttr : Mega_Attr<"Target", "target"> {
  let summary = "The machine that a module is compiled for";
  let description = [{
    The module attribute `mega.target`. What of a machine decides how weights are
    packed (`columns`), how a program is cut (`rows`, `tile_rows`) and how products
    are made (`dot`, `accumulators`, `prefetch`). lib/Target/CPU has one for each
    level of `--cpu`; a module without the attribute is compiled for none of them in
    particular.

    * `dot`: the instruction that sums products of bf16; `cuda_mma`: that of a warp
      (mma.sync), which does bytes, too.
    * `int_dot`: the instruction that sums products of bytes: `avx2` two of them to 16
      bits (VPMADDUBSW), `avx_vnni` and `avx512_vnni` four to 32 (VPDPBUSD), as do
      `neon_dot` (SDOT) and `neon_i8mm` (USDOT); `amx_int8` those of many rows in tile
      registers (TDPBSSD), of few rows as `avx512_vnni`.
    * `rows`: rows of a block of an operand, where there are many; `tile_rows` of
      products with the tile registers of AMX.
    * `accumulators`: vectors of 16 sums that the registers hold beside what a step
      of a product reads.
    * `columns`: columns that a panel of weights has at most.
    * `prefetch`: bytes by which products ask for weights ahead; 0: not at all.
    * `span`: positions of a span of attention, which are read by one worker.
    * `threads`: of a worker; where there are several, their registers hold what else
      needs scratch.

    * `target_c2`: the attribute is a module's.
    * `target_c1`: rows, accumulators, columns and threads are positive, columns is 16,
      32 or 64; tile_rows is a positive multiple of 16 with `amx_bf16` or `amx_int8`,
      else 0; prefetch is not negative; span is a positive multiple of 16.

    Example: `#mega.target<cpu = "avx512-bf16", dot = avx512_bf16, rows = 12, accumulators = 24, columns = 64, prefetch = 2560>`
  }];
  let parameters = (ins StringRefParameter<>:$cpu,
                        EnumParameter<Mega_DotInstruction>:$dot, "int64_t":$rows,
                        "int64_t":$accumulators, "int64_t":$columns,
                        DefaultValuedParameter<"int64_t", "0">:$tile_rows,
                        DefaultValuedParameter<"int64_t", "0">:$prefetch,
                        DefaultValuedParameter<"::mega::IntDotInstruction", "::mega::IntDotInstruction::None">:$int_dot,
                        DefaultValuedParameter<"int64_t", "512">:$span,
                        DefaultValuedParameter<"int64_t", "1">:$threads);
  let assemblyFormat = "`<` struct(params) `>`";
}

#endif
