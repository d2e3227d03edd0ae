//===- StorageTypes.td - Integers that matrices are stored as -*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_FPMOE_STORAGETYPES_TD
#define FPMOE_DIALECTS_FPMOE_STORAGETYPES_TD

include "dialects/FPMoE/FPMoEBase.td"
include "mlir/IR/AttrTypeBase.td"

/// Element types that stand in groups of 32 along the last dimension; what
/// `fpmoe.convert` to them means is the same for all.
class FPMoE_GroupType<string name, string typeMnemonic>
    : TypeDef<FPMoEDialect, name> {
  let mnemonic = typeMnemonic;
}

def FPMoE_Int8 : FPMoE_GroupType<"Int8", "int8"> {
  let summary = "Integers of 8 bits with a scale for each group";
  let description = [{
    An element is d q: q is an integer from -127 to 127 (-128 where it was stored so
    before), d the scale of its group, a number of IEEE half. 8.5 bits an element.

    The 32 elements of a group stand beside each other in the last dimension; the last
    group of a row may have fewer, and a row's `tail` (see `fpmoe.convert`) begins one.

    Example: `fpmoe.weight @int8 : tensor<8x70x!fpmoe.int8> {`
  }];
}

def FPMoE_Int4 : FPMoE_GroupType<"Int4", "int4"> {
  let summary = "Integers of 4 bits with a scale for each group";
  let description = [{
    An element is d q: q is an integer from -8 to 7, d the scale of its group, a number
    of IEEE half of either sign. 4.5 bits an element. Groups are those of `!fpmoe.int8`.

    Example: `fpmoe.weight @int4 : tensor<8x70x!fpmoe.int4> {`
  }];
}

def FPMoE_UInt4 : FPMoE_GroupType<"UInt4", "uint4"> {
  let summary = "Integers of 4 bits with a scale and a minimum for each group";
  let description = [{
    An element is d q + m: q is an integer from 0 to 15, d the scale and m the minimum
    of its group, numbers of IEEE half; the sum is rounded to f32. 5 bits an element.
    Groups are those of `!fpmoe.int8`.

    Example: `fpmoe.weight @uint4 : tensor<8x70x!fpmoe.uint4> {`
  }];
}

#endif
