//===- Half.h - Numbers of 16 bits ------------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// bf16 and IEEE half, by their bits. Rounding is to nearest, ties to even; a NaN
// stays one.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CHECKPOINT_HALF_H
#define FPMOE_LIB_CHECKPOINT_HALF_H

#include "llvm/ADT/bit.h"

#include <cstdint>

namespace fpmoe {

inline float fromBF16(uint16_t bits) {
  return llvm::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

inline uint16_t roundToBF16(float value) {
  uint32_t bits = llvm::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000)
    return (bits >> 16) | 0x40;
  return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}

inline float fromF16(uint16_t bits) {
  uint32_t sign = (bits & 0x8000u) << 16, rest = bits & 0x7fffu;
  if (rest >= 0x7c00) // infinity, NaN
    return llvm::bit_cast<float>(sign | 0x7f800000 | ((rest & 0x3ff) << 13));
  if (rest >= 0x400)
    return llvm::bit_cast<float>(sign | ((rest << 13) + (112u << 23)));
  float small = static_cast<float>(rest) * 0x1p-24f; // subnormal: exact
  return sign ? -small : small;
}

/// Beyond 65504 it becomes infinite, where rounding says so.
inline uint16_t roundToF16(float value) {
  uint32_t bits = llvm::bit_cast<uint32_t>(value);
  uint32_t sign = (bits >> 16) & 0x8000, rest = bits & 0x7fffffff;
  if (rest > 0x7f800000)
    return sign | 0x7e00;
  if (rest >= 0x477ff000)
    return sign | 0x7c00;
  if (rest < 0x38800000) { // subnormal: the addition rounds
    float shifted = llvm::bit_cast<float>(rest) + 0.5f;
    return sign | (llvm::bit_cast<uint32_t>(shifted) - 0x3f000000);
  }
  return sign | ((rest + 0xfff + ((rest >> 13) & 1) - (112u << 23)) >> 13);
}

} // namespace fpmoe

#endif
