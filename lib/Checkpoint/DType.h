//===- DType.h - element types of checkpoints -------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The types of safetensors and GGUF, their sizes, and how those that hold
// weights become f32. The quantised types of GGUF store elements in blocks,
// each with its own scales.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CHECKPOINT_DTYPE_H
#define FPMOE_LIB_CHECKPOINT_DTYPE_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>
#include <string>

namespace fpmoe {

/// Element types. All of them are parsed, with their sizes; only those for
/// which isLoadable() holds can be read as numbers.
enum class DType : uint8_t {
  F32,
  F16,
  BF16,
  F64,
  // GGUF only, in blocks.
  Q4_0,
  Q4_1,
  Q5_0,
  Q5_1,
  Q8_0,
  Q4_K,
  Q5_K,
  Q6_K,
  // Not loadable.
  F8E4M3,
  F8E5M2,
  F8E8M0,
  F8E4M3FNUZ,
  F8E5M2FNUZ,
  F6E2M3,
  F6E3M2,
  F4,
  Bool,
  I8,
  I16,
  I32,
  I64,
  U8,
  U16,
  U32,
  U64,
  C64,
};

/// The name as the format spells it, such as "BF16" or "Q4_K".
llvm::StringRef getName(DType dtype);
/// The type of safetensors, or of GGUF, with that name.
std::optional<DType> findDType(llvm::StringRef name);
/// Elements of a block: 1 but for the types in blocks, then 32 or 256.
unsigned getBlockElements(DType dtype);
/// Bits of a block; the sub-byte types of safetensors have 4 and 6.
unsigned getBits(DType dtype);
/// Whether Checkpoint::read converts it to f32: from F32 to Q6_K.
bool isLoadable(DType dtype);
/// The names of these types: "F32, F16, ...".
std::string listLoadable();

/// The largest block, in elements and in bytes.
constexpr unsigned maxBlockElements = 256, maxBlockBytes = 256;

/// Converts whole blocks of a loadable type to f32: exactly, but F64 is
/// rounded to nearest, and blocks are multiplied out in f32 in the order of
/// ggml's reference.
void convertBlocks(DType dtype, const uint8_t *from, float *to, size_t blocks);

} // namespace fpmoe

#endif // FPMOE_LIB_CHECKPOINT_DTYPE_H
