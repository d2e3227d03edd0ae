//===- FPMoE.td - The graph dialect ------------------------*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// What a mixture of language experts computes, on tensors, and where its
// weights come from. The files of the dialect are included from here.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_FPMOE_FPMOE_TD
#define FPMOE_DIALECTS_FPMOE_FPMOE_TD

include "dialects/FPMoE/FPMoEBase.td"
include "dialects/FPMoE/StorageTypes.td"
include "dialects/FPMoE/RoutingAttrs.td"
include "dialects/FPMoE/RecipeOps.td"
include "dialects/FPMoE/MergeOps.td"
include "dialects/FPMoE/ModelOps.td"
include "dialects/FPMoE/FusedOps.td"

#endif
