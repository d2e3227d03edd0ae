//===- Link.h - objects become a program ------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Links a compiled model with the runtime, in this process, by lld. All other
// inputs come from the runtime directory that the build fills.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_TARGET_LINK_LINK_H
#define FPMOE_LIB_TARGET_LINK_LINK_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace fpmoe {

struct LinkOptions {
  /// Object files that define fpmoe_model, fpmoe_weights_fingerprint and
  /// fpmoe_weights_file.
  std::vector<std::string> objects;
  /// The program to write, executable. It is replaced if it exists.
  std::string output;
  /// Depend on nothing, instead of libc.so.6.
  bool isStatic = false;
  /// From findRuntimeDirectory.
  std::string runtimeDirectory;
};

/// Returns the folder with the link inputs of `arch`, "x86_64" or "aarch64":
/// $FPMOE_RUNTIME_DIR when that is set, else ../lib/fpmoe/<arch>-linux-gnu
/// beside the running tool. The error names what is missing.
llvm::Expected<std::string> findRuntimeDirectory(llvm::StringRef arch);

/// Links; on failure no output is left. The error begins with the output's
/// name and has all that lld found wrong, or says which input is missing.
/// Not to be called by two threads at once.
llvm::Error linkProgram(const LinkOptions &options);

} // namespace fpmoe

#endif // FPMOE_LIB_TARGET_LINK_LINK_H
