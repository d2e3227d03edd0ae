//===- Output.h - Files that appear whole or not at all ---------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_DRIVER_OUTPUT_H
#define FPMOE_LIB_DRIVER_OUTPUT_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace fpmoe {

/// A file that is written under another name beside its own, and gets its own
/// name when it is kept. Dropped without keep(), or by a signal, it is removed.
class OutputFile {
public:
  static llvm::Expected<OutputFile> create(llvm::StringRef path) {
    return create(path, path);
  }
  /// Writes beside the file `beside`; the directory of `path` need not be there
  /// before keep().
  static llvm::Expected<OutputFile> create(llvm::StringRef path,
                                           llvm::StringRef beside);
  OutputFile(OutputFile &&other);
  OutputFile &operator=(OutputFile &&) = delete;
  ~OutputFile();

  /// The name to write to.
  llvm::StringRef temporary() const { return temporaryPath; }
  /// Makes `text` the content.
  llvm::Error write(llvm::StringRef text);
  /// Gives the file its name.
  llvm::Error keep();

private:
  OutputFile(std::string path, std::string temporaryPath)
      : path(std::move(path)), temporaryPath(std::move(temporaryPath)) {}
  std::string path, temporaryPath;
};

/// Writes `text` to the file at `path`, or to the standard output for "-".
llvm::Error writeText(llvm::StringRef path, llvm::StringRef text);

} // namespace fpmoe

#endif
