//===- Mega.td - The team dialect --------------------------*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A step of the model as one parallel program: a team of workers goes through
// phases, a phase is a space of independent tiles, barriers stand between.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_MEGA_MEGA_TD
#define FPMOE_DIALECTS_MEGA_MEGA_TD

include "dialects/Mega/MegaBase.td"
include "dialects/Mega/MegaAttrs.td"
include "dialects/Mega/ProgramOps.td"
include "dialects/Mega/TileOps.td"
include "dialects/Mega/ExpertOps.td"

#endif
