//===- Payload.cpp - weights behind a program -------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The counterpart of runtime/core/Weights.cpp, which checks at every start
// what is written here.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Link/Payload.h"

#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

static_assert(sizeof(FpmoeTrailer) == FPMOE_TRAILER_BYTES,
              "the trailer is written as it lies in memory");

static constexpr uint64_t alignment = 2 << 20;

Expected<uint64_t> fpmoe::payloadOffset(StringRef path) {
  uint64_t size;
  if (std::error_code code = sys::fs::file_size(path, size))
    return createStringError(code, path + ": " + code.message());
  return alignTo(size, alignment);
}

FpmoeTrailer fpmoe::makeTrailer(uint64_t offset, uint64_t bytes,
                                uint64_t fingerprint) {
  FpmoeTrailer trailer = {};
  trailer.magic = FPMOE_MAGIC;
  trailer.abi_version = FPMOE_ABI_VERSION;
  trailer.offset = offset;
  trailer.bytes = bytes;
  trailer.fingerprint = fingerprint;
  return trailer;
}

Error fpmoe::writeTrailer(StringRef path, const FpmoeTrailer &trailer) {
  uint64_t size;
  if (std::error_code code = sys::fs::file_size(path, size))
    return createStringError(code, path + ": " + code.message());
  if (trailer.offset % alignment || size < trailer.offset ||
      size - trailer.offset != trailer.bytes)
    return createStringError(
        inconvertibleErrorCode(),
        path + ": has " + Twine(size) + " bytes, its weights should be " +
            Twine(trailer.bytes) + " bytes at " + Twine(trailer.offset));
  std::error_code code;
  raw_fd_ostream stream(path, code, sys::fs::CD_OpenExisting, sys::fs::FA_Write,
                        sys::fs::OF_Append);
  if (!code) {
    stream.write(reinterpret_cast<const char *>(&trailer), sizeof(trailer));
    stream.close();
    code = stream.error();
    stream.clear_error();
  }
  if (code)
    return createStringError(code, path + ": cannot write: " + code.message());
  return Error::success();
}
