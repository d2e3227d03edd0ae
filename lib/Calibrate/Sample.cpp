//===- Sample.cpp - The calibration text of the project -------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Calibrate/Sample.h"

extern "C" const char fpmoe_calibration_sample[];
extern "C" const char fpmoe_calibration_sample_end[];

llvm::StringRef fpmoe::getCalibrationSample() {
  return {fpmoe_calibration_sample,
          static_cast<size_t>(fpmoe_calibration_sample_end -
                              fpmoe_calibration_sample)};
}
