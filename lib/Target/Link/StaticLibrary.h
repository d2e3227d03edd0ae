//===- StaticLibrary.h - a model as a static library ------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_TARGET_LINK_STATICLIBRARY_H
#define FPMOE_LIB_TARGET_LINK_STATICLIBRARY_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace fpmoe {

/// Returns the archive of one object, which linkProgram made relocatable. The
/// functions of fpmoe.h, with `prefix` in the place of "fpmoe_", are all that
/// it defines for others. Errors call it `name`.
llvm::Expected<std::string> makeStaticLibrary(llvm::StringRef object,
                                              llvm::StringRef prefix,
                                              llvm::StringRef name);

} // namespace fpmoe

#endif // FPMOE_LIB_TARGET_LINK_STATICLIBRARY_H
