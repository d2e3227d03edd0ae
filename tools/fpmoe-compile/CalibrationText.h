//===- CalibrationText.h - What weights are calibrated with -----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TOOLS_FPMOE_COMPILE_CALIBRATIONTEXT_H
#define FPMOE_TOOLS_FPMOE_COMPILE_CALIBRATIONTEXT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <vector>

namespace fpmoe {

struct CalibrationOptions {
  /// A file, or a folder whose files are taken, hidden ones aside; empty: the
  /// sample that comes with the compiler.
  std::string path;
  int64_t tokens = 16384; ///< most that are taken, evenly from all of the text
};

/// The files that calibration reads; none of the sample.
llvm::Expected<std::vector<std::string>>
listCalibrationFiles(const CalibrationOptions &options);

/// Texts of one length, a multiple of `multiple` and at most `context`, each
/// after what the tokenizer puts before a text. Fails where there is no text,
/// or it is not UTF-8.
llvm::Expected<std::vector<std::vector<int32_t>>>
readCalibrationTexts(const CalibrationOptions &options,
                     llvm::ArrayRef<uint8_t> tokenizer, int64_t multiple,
                     int64_t context);

} // namespace fpmoe

#endif
