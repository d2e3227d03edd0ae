//===- SplitGroups.h - Groups of a rank's part of a weight ------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Groups that were made of a whole weight are found again in the parts that
// ranks have of it: parts of K are whole groups.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_WEIGHTS_SPLITGROUPS_H
#define FPMOE_LIB_WEIGHTS_SPLITGROUPS_H

#include "lib/Weights/GroupFile.h"

namespace fpmoe {

/// Groups from number `first` on of a row of what `convert` gives on `rank`,
/// from those that `file` has of its weight; zeros where the whole weight has
/// none.
llvm::Error readGroups(const GroupFile &file, ConvertOp convert, int64_t layer,
                       int64_t rank, int64_t row, int64_t first,
                       llvm::MutableArrayRef<Group> groups);

} // namespace fpmoe

#endif
