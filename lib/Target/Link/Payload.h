//===- Payload.h - weights behind a program ---------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights follow the program in its file, beyond what the loader maps, or fill
// a file of their own. The steps: payloadOffset, write the blob there, then
// writeTrailer.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_TARGET_LINK_PAYLOAD_H
#define FPMOE_LIB_TARGET_LINK_PAYLOAD_H

#include "include/fpmoe/runtime/abi.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace fpmoe {

/// Returns the offset for a blob in the file at `path`: its size, rounded up
/// to 2 MiB, so that the blob can be mapped with huge pages. 0 for an empty
/// file.
llvm::Expected<uint64_t> payloadOffset(llvm::StringRef path);

/// Returns the trailer of a blob of `bytes` at `offset`.
FpmoeTrailer makeTrailer(uint64_t offset, uint64_t bytes, uint64_t fingerprint);

/// Appends the trailer to the file, which has to end where the blob does.
llvm::Error writeTrailer(llvm::StringRef path, const FpmoeTrailer &trailer);

} // namespace fpmoe

#endif // FPMOE_LIB_TARGET_LINK_PAYLOAD_H
