//===- OutputFile.h - a file that appears whole or not at all ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Content goes to a temporary file beside the target, which takes its name
// once everything is written. Devices and pipes are written in place.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CLI_OUTPUTFILE_H
#define FPMOE_RUNTIME_CLI_OUTPUTFILE_H

#include "runtime/core/Status.h"

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

namespace fpmoe {

class OutputFile {
public:
  OutputFile() = default;
  OutputFile(const OutputFile &) = delete;
  OutputFile &operator=(const OutputFile &) = delete;
  /// Removes what was written, unless it was committed.
  ~OutputFile();

  /// Fails, and writes nothing, if `path` is one of `inputs`, or this program,
  /// by whatever name.
  Status open(const std::string &path, const std::vector<std::string> &inputs);
  Status write(const void *data, size_t bytes);
  Status commit();

private:
  Status failure(int reason) const;

  std::string target, temporary;
  FILE *file = nullptr;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CLI_OUTPUTFILE_H
