//===- SizeLimits.h - how large a model may be ------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sizes in a file decide how much code, memory and time a compilation takes.
// Each has a limit well beyond that of any public model, and a file that goes
// beyond it is refused before anything is made.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CONFIG_SIZELIMITS_H
#define FPMOE_LIB_CONFIG_SIZELIMITS_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>

namespace fpmoe {

/// The largest value of a field of config.json that is a size.
int64_t getSizeLimit(llvm::StringRef field);

} // namespace fpmoe

#endif // FPMOE_LIB_CONFIG_SIZELIMITS_H
