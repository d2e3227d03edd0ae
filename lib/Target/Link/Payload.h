//===- Payload.h - weights behind a program ---------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights follow the program in its file, beyond what the loader maps, or fill
// a file of their own. The steps: payloadOffset, write the blob there,
// writeTrailer, and setFingerprint, after which the program can be written.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_TARGET_LINK_PAYLOAD_H
#define FPMOE_LIB_TARGET_LINK_PAYLOAD_H

#include "include/fpmoe/runtime/abi.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace fpmoe {

/// Returns the offset for a blob behind a program of `bytes`: rounded up to
/// 2 MiB, so that the blob can be mapped with huge pages.
uint64_t payloadOffset(uint64_t bytes);

/// Returns the trailer of a blob of `bytes` at `offset`.
FpmoeTrailer makeTrailer(uint64_t offset, uint64_t bytes, uint64_t fingerprint);

/// Appends the trailer to an open file, which has to end where the blob does.
/// Errors call it `name`.
llvm::Error writeTrailer(int file, llvm::StringRef name,
                         const FpmoeTrailer &trailer);

/// Gives fpmoe_weights_fingerprint of a linked program its value.
llvm::Error setFingerprint(std::string &program, uint64_t fingerprint);

/// Whether a file has a trailer at its end: it is a program with its weights,
/// or a weights file.
bool hasTrailer(const std::string &path);

} // namespace fpmoe

#endif // FPMOE_LIB_TARGET_LINK_PAYLOAD_H
