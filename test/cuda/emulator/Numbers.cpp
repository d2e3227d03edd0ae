//===- Numbers.cpp - formats of 16 bits ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Numbers.h"

#include "llvm/ADT/APFloat.h"
#include <cstring>
#include <vector>

using namespace llvm;
using namespace fpmoe::emulator;

static const fltSemantics &semanticsOf(Format format) {
  return format == Format::F16 ? APFloat::IEEEhalf() : APFloat::BFloat();
}

static float halfToFloat(uint16_t bits) {
  APFloat value(APFloat::IEEEhalf(), APInt(16, bits));
  bool lost;
  value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &lost);
  return value.convertToFloat();
}

float fpmoe::emulator::toFloat(uint16_t bits, Format format) {
  if (format == Format::F16) {
    static const std::vector<float> table = [] {
      std::vector<float> values(1 << 16);
      for (unsigned i = 0; i < values.size(); ++i)
        values[i] = halfToFloat(i);
      return values;
    }();
    return table[bits];
  }
  uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}

static uint16_t round(APFloat value, Format format, bool toZero) {
  bool lost;
  value.convert(semanticsOf(format),
                toZero ? APFloat::rmTowardZero : APFloat::rmNearestTiesToEven,
                &lost);
  return value.bitcastToAPInt().getZExtValue();
}

uint16_t fpmoe::emulator::fromFloat(float value, Format format, bool toZero) {
  return round(APFloat(value), format, toZero);
}

uint16_t fpmoe::emulator::fromDouble(double value, Format format) {
  return round(APFloat(value), format, false);
}
