//===- Units.cpp - sizes and counts for people ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Divides by a thousand until the number is short.
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/Units.h"
#include "runtime/core/Status.h"

using namespace fpmoe;

static std::string scaled(double value, const char *const (&units)[5]) {
  int unit = 0;
  for (; value >= 999.5 && unit < 4; ++unit)
    value /= 1000;
  int digits = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return format("%.*f%s", digits, value, units[unit]);
}

std::string fpmoe::bytesText(double bytes) {
  static const char *const units[5] = {" bytes", " KB", " MB", " GB", " TB"};
  return scaled(bytes, units);
}

std::string fpmoe::countText(double count) {
  static const char *const units[5] = {"", " thousand", " million", " billion",
                                       " trillion"};
  return scaled(count, units);
}
