//===- Safetensors.h - strict reader of safetensors headers -----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Turns the header of a safetensors file into a checked list of tensors. The
// file is untrusted: whatever it holds, the result is a list whose every span
// lies inside the file and fits its shape, or one error that says why not.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CHECKPOINT_SAFETENSORS_H
#define FPMOE_LIB_CHECKPOINT_SAFETENSORS_H

#include "lib/Checkpoint/DType.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>
#include <vector>

namespace fpmoe {

/// One tensor of a checkpoint. Row-major, little-endian, dense.
struct TensorInfo {
  std::string name;
  DType dtype = DType::F32;
  /// Every extent is at least 0; a scalar has none. The product of extents
  /// and the size in bits fit in 63 bits. The last extent is a multiple of
  /// getBlockElements().
  llvm::SmallVector<int64_t, 4> shape;
  /// First byte, counted from the start of its file.
  uint64_t offset = 0;
  /// Exactly elements() times the size of an element, or as many blocks.
  uint64_t bytes = 0;
  /// Which file of the checkpoint, see Checkpoint::fileName.
  unsigned file = 0;

  int64_t elements() const;
};

/// "[2, 3]", for messages.
std::string formatShape(llvm::ArrayRef<int64_t> shape);

/// The longest header that is read, as in the safetensors library.
constexpr uint64_t maxSafetensorsHeader = 100'000'000;

/// Checks the 8 bytes that start a file of `fileSize` bytes and returns the
/// length of the header that follows them: it fits in the file and is at most
/// maxSafetensorsHeader, so it is safe to allocate.
llvm::Expected<uint64_t> parseSafetensorsLength(llvm::StringRef firstBytes,
                                                uint64_t fileSize,
                                                llvm::StringRef fileName);

/// Parses the JSON header of a file of `fileSize` bytes, in which the tensor
/// data start at 8 + header.size(). The spans of the tensors cover the data
/// without overlap or gap. Sorted by offset; `file` is copied into each tensor.
llvm::Expected<std::vector<TensorInfo>>
parseSafetensorsHeader(llvm::StringRef header, uint64_t fileSize,
                       llvm::StringRef fileName, unsigned file = 0);

/// The two steps above on a whole file in memory.
llvm::Expected<std::vector<TensorInfo>>
parseSafetensors(llvm::StringRef buffer, llvm::StringRef fileName);

} // namespace fpmoe

#endif // FPMOE_LIB_CHECKPOINT_SAFETENSORS_H
