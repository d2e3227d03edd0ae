//===- Link.h - objects become a program ------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Links a compiled model with the runtime, in this process and in memory, by
// lld. All other inputs come from the runtime directory that the build fills.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_TARGET_LINK_LINK_H
#define FPMOE_LIB_TARGET_LINK_LINK_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace fpmoe {

/// The names of the functions of include/fpmoe/runtime/fpmoe.h.
llvm::ArrayRef<llvm::StringLiteral> getLibraryFunctions();

struct LinkOptions {
  /// Object files that define fpmoe_model, fpmoe_weights_fingerprint and
  /// fpmoe_weights_file. Messages do not name them.
  std::vector<std::string> objects;
  /// How errors name the program.
  std::string name;
  /// Depend on nothing, instead of libc.so.6.
  bool isStatic = false;
  /// Make a shared library with the functions of include/fpmoe/runtime/fpmoe.h.
  bool isShared = false;
  /// Make an object file with these functions, for makeStaticLibrary. libstdc++
  /// and libc are left to those who link it.
  bool isRelocatable = false;
  /// From findRuntimeDirectory.
  std::string runtimeDirectory;
};

/// Returns the folder with the link inputs of `arch`, "x86_64" or "aarch64":
/// $FPMOE_RUNTIME_DIR when that is set, else ../lib/fpmoe/<arch>-linux-gnu
/// beside the running tool. The error names what is missing.
llvm::Expected<std::string> findRuntimeDirectory(llvm::StringRef arch);

/// Returns the bytes of the program. The error has all that lld found wrong, or
/// says which input is missing. Not to be called by two threads at once.
llvm::Expected<std::string> linkProgram(const LinkOptions &options);

} // namespace fpmoe

#endif // FPMOE_LIB_TARGET_LINK_LINK_H
