//===- GgufSupport.h - GGUF files made in memory ----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes the pieces of a GGUF file one by one, so that a test can spoil any.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_LIB_CHECKPOINT_GGUFSUPPORT_H
#define FPMOE_TEST_LIB_CHECKPOINT_GGUFSUPPORT_H

#include "test/lib/Checkpoint/Support.h"

#include "llvm/Support/MathExtras.h"

#include <vector>

namespace fpmoe::test {

/// Numbers of types in the format.
enum MetadataNumber : uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64
};

template <typename T> std::string raw(T value) {
  return std::string(reinterpret_cast<const char *>(&value), sizeof(value));
}

inline std::string ggufString(llvm::StringRef text) {
  return raw<uint64_t>(text.size()) + text.str();
}

/// One key; `value` as it stands in the file.
inline std::string ggufKey(llvm::StringRef name, uint32_t type,
                           const std::string &value) {
  return ggufString(name) + raw(type) + value;
}

inline std::string ggufArray(llvm::StringRef name, uint32_t type,
                             uint64_t count, const std::string &elements) {
  return ggufKey(name, kArray, raw(type) + raw(count) + elements);
}

inline std::string ggufStrings(llvm::StringRef name,
                               const std::vector<std::string> &strings) {
  std::string elements;
  for (const std::string &text : strings)
    elements += ggufString(text);
  return ggufArray(name, kString, strings.size(), elements);
}

/// The description of one tensor; extents in the order of the file, the one
/// that varies fastest first.
inline std::string ggufTensor(llvm::StringRef name,
                              const std::vector<uint64_t> &extents,
                              uint32_t type, uint64_t offset) {
  std::string text = ggufString(name) + raw<uint32_t>(extents.size());
  for (uint64_t extent : extents)
    text += raw(extent);
  return text + raw(type) + raw(offset);
}

/// A whole file, with `dataBytes` bytes of data: 0, 1, 2 ...
inline std::string ggufFile(const std::vector<std::string> &keys,
                            const std::vector<std::string> &tensors,
                            size_t dataBytes, size_t alignment = 32) {
  std::string file = "GGUF" + raw<uint32_t>(3) + raw<uint64_t>(tensors.size()) +
                     raw<uint64_t>(keys.size());
  for (const std::string &key : keys)
    file += key;
  for (const std::string &tensor : tensors)
    file += tensor;
  if (dataBytes)
    file.resize(llvm::alignTo(file.size(), alignment));
  for (size_t i = 0; i < dataBytes; ++i)
    file += static_cast<char>(i);
  return file;
}

} // namespace fpmoe::test

#endif // FPMOE_TEST_LIB_CHECKPOINT_GGUFSUPPORT_H
