//===- Sample.h - The calibration text of the project -----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CALIBRATE_SAMPLE_H
#define FPMOE_LIB_CALIBRATE_SAMPLE_H

#include "llvm/ADT/StringRef.h"

namespace fpmoe {

/// The files of lib/Calibrate/Sample, one after the other, in UTF-8: code of
/// the languages that mixtures are made for.
llvm::StringRef getCalibrationSample();

} // namespace fpmoe

#endif
