//===- LibraryFile.cpp - where a shared library is ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Only shared libraries are linked with it.
//
//===----------------------------------------------------------------------===//

#include <dlfcn.h>
#include <string>

/// See runtime/core/Weights.h.
extern "C" const char *fpmoe_library_file() {
  Dl_info info;
  static const bool isKnown =
      dladdr(reinterpret_cast<const void *>(&fpmoe_library_file), &info) != 0;
  static const std::string path = isKnown ? info.dli_fname : "";
  return path.c_str();
}
