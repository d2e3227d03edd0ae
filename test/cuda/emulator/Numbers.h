//===- Numbers.h - formats of 16 bits ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The two floating-point formats of 16 bits.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_CUDA_EMULATOR_NUMBERS_H
#define FPMOE_TEST_CUDA_EMULATOR_NUMBERS_H

#include <cstdint>

namespace fpmoe::emulator {

enum class Format : uint64_t { BF16, F16 };

float toFloat(uint16_t bits, Format format);
// To nearest even, or to zero.
uint16_t fromFloat(float value, Format format, bool toZero = false);
uint16_t fromDouble(double value, Format format);

} // namespace fpmoe::emulator

#endif
