//===- MixtureRecipeChecks.h - what ties a recipe's tables ------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_ASSEMBLY_MIXTURERECIPECHECKS_H
#define FPMOE_LIB_ASSEMBLY_MIXTURERECIPECHECKS_H

#include "lib/Assembly/MixtureRecipe.h"

namespace fpmoe {

/// Fails where tables, each of which is right by itself, do not go together.
llvm::Error checkMixtureRecipe(const MixtureRecipe &recipe);

} // namespace fpmoe

#endif // FPMOE_LIB_ASSEMBLY_MIXTURERECIPECHECKS_H
