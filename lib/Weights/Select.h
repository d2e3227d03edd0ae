//===- Select.h - the largest elements of a stream --------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds exactly which elements of a long vector are the largest in magnitude,
// reading it a few times and keeping none of it.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_WEIGHTS_SELECT_H
#define FPMOE_LIB_WEIGHTS_SELECT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/Error.h"

#include <cstdint>

namespace fpmoe {

/// A set of elements, by value and place.
struct Selection {
  /// The smallest magnitude that is in, as the bits of an f32.
  uint32_t bits = 0;
  /// Of the elements of that magnitude, the last one that is in.
  int64_t last = INT64_MAX;

  bool has(float value, int64_t index) const {
    uint32_t magnitude = llvm::bit_cast<uint32_t>(value) & 0x7fffffffu;
    return magnitude > bits || (magnitude == bits && index <= last);
  }
};

/// Reads the elements [first, first + out.size()); from many threads at once.
using ReadElements = llvm::function_ref<llvm::Error(
    int64_t first, llvm::MutableArrayRef<float> out)>;

/// The `count` largest of `elements` numbers in magnitude, of equal ones the
/// first. Zeros make no difference to who asks, and may all be in.
llvm::Expected<Selection> selectLargest(int64_t elements, int64_t count,
                                        ReadElements read);

} // namespace fpmoe

#endif // FPMOE_LIB_WEIGHTS_SELECT_H
