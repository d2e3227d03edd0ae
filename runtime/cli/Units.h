//===- Units.h - sizes and counts for people ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Three significant digits and a unit: "3.10 GB", "2.70 billion".
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CLI_UNITS_H
#define FPMOE_RUNTIME_CLI_UNITS_H

#include <string>

namespace fpmoe {

/// Bytes in decimal units.
std::string bytesText(double bytes);
/// A count in thousands, millions, billions or trillions.
std::string countText(double count);

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CLI_UNITS_H
