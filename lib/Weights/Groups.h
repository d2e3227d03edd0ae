//===- Groups.h - Numbers rounded to integers in groups ---------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// What `fpmoe.convert` to `!fpmoe.int8` and `!fpmoe.int4` means. Packing and
// the reference both round here, so that they have the same integers.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_WEIGHTS_GROUPS_H
#define FPMOE_LIB_WEIGHTS_GROUPS_H

#include "dialects/FPMoE/FPMoE.h"
#include "dialects/FPMoE/Storage.h"

#include "llvm/Support/Error.h"

namespace fpmoe {

/// A group in integers: an element is scale * (q - zero) + minimum.
struct Group {
  uint16_t scale = 0, minimum = 0; ///< IEEE half
  uint8_t q[GroupFormat::kElements] = {};

  float get(const GroupFormat &format, int64_t i) const;
  /// Makes element i the integer that is nearest to `number`; returns what it
  /// is then.
  float set(const GroupFormat &format, int64_t i, float number);
};

/// Rounds up to 32 numbers of a weight, from element `first` of an instance on;
/// those that are missing are zeros. Fails where one is no number, is infinite,
/// or too large for a scale of half.
llvm::Error makeGroup(WeightOp weight, const GroupFormat &format,
                      llvm::ArrayRef<float> numbers, int64_t first,
                      Group &group);

/// What makeGroup says of element `element` of an instance.
llvm::Error groupError(WeightOp weight, const GroupFormat &format, float number,
                       int64_t element);

/// The same as makeGroup; returns the place of the first that cannot be
/// rounded, or -1. With `weights`, one for each number and not negative,
/// squared errors count that much.
int64_t roundToGroup(const GroupFormat &format, llvm::ArrayRef<float> numbers,
                     Group &group, llvm::ArrayRef<float> weights = {});

/// The group of a row of `columns` columns that column `column` is in, where
/// the last `tail` columns begin groups of their own: first column, and how
/// many.
struct GroupRange {
  int64_t first, count;
};
GroupRange getGroup(int64_t columns, int64_t tail, int64_t column);
/// Groups of a row.
int64_t countGroups(int64_t columns, int64_t tail);
/// The number of that group among those of its row, and the column's place.
struct GroupPlace {
  int64_t group, element;
};
GroupPlace findInGroups(int64_t columns, int64_t tail, int64_t column);

} // namespace fpmoe

#endif
