//===- Gguf.h - strict reader of GGUF headers -------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads the metadata and the tensor list of a GGUF file, version 2 or 3, in
// bounded memory: no count or length is believed before the file is known to
// hold it. Tensors must lie one after the other, as every writer lays them out.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CHECKPOINT_GGUF_H
#define FPMOE_LIB_CHECKPOINT_GGUF_H

#include "lib/Checkpoint/Safetensors.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <map>

namespace fpmoe {

/// Types of metadata, with the numbers of the format.
enum class GgufType : uint8_t {
  U8,
  I8,
  U16,
  I16,
  U32,
  I32,
  F32,
  Bool,
  String,
  Array,
  U64,
  I64,
  F64,
};

/// The name as the format spells it.
llvm::StringRef getName(GgufType type);
/// Bytes of an element; of a string or a list what it takes at least.
unsigned getBytes(GgufType type);

/// One value of the metadata: a list of `count` elements of one type, which
/// for a scalar has one. Never of type Array: lists of lists are refused.
class GgufValue {
public:
  GgufType type = GgufType::U8;
  bool isArray = false;
  uint64_t count = 0;

  /// Element i < count of an integer type; nothing if it is of another type,
  /// or more than 63 bits.
  std::optional<int64_t> integer(uint64_t i = 0) const;
  /// Element i of a floating-point type.
  std::optional<double> real(uint64_t i = 0) const;
  std::optional<bool> boolean(uint64_t i = 0) const;
  /// Element i of a list of strings; any bytes.
  std::optional<llvm::StringRef> string(uint64_t i = 0) const;

  /// For messages: "the U32 7", "the STRING 'x'", "an array of 3 F32".
  std::string describe() const;

private:
  friend class GgufParser;
  /// All elements, little-endian; strings without their lengths.
  std::string bytes;
  /// Of strings only: where in `bytes` each one ends.
  std::vector<uint64_t> ends;
};

/// The metadata of one file. Getters name file and key in their errors.
class GgufMetadata {
public:
  /// Null if there is no such key.
  const GgufValue *find(llvm::StringRef key) const;
  bool has(llvm::StringRef key) const { return find(key); }

  /// The value of a key that must be there, with that type and no array. An
  /// integer is taken for a real number, not the other way round.
  llvm::Expected<int64_t> getInteger(llvm::StringRef key) const;
  llvm::Expected<double> getReal(llvm::StringRef key) const;
  llvm::Expected<bool> getBool(llvm::StringRef key) const;
  llvm::Expected<llvm::StringRef> getString(llvm::StringRef key) const;
  /// A key that must be there with a list of that type.
  llvm::Expected<const GgufValue *> getArray(llvm::StringRef key,
                                             GgufType type) const;

  /// "FILE: KEY what".
  llvm::Error error(llvm::StringRef key, const llvm::Twine &what) const;

  const std::string &file() const { return fileName; }
  /// In the order of their names.
  const std::map<std::string, GgufValue, std::less<>> &values() const {
    return entries;
  }

private:
  friend class GgufParser;
  llvm::Error wrong(llvm::StringRef key, llvm::StringRef expected) const;

  std::string fileName;
  std::map<std::string, GgufValue, std::less<>> entries;
};

struct GgufFile {
  GgufMetadata metadata;
  /// In the order of the file. Shapes are row-major, with the extent that
  /// varies fastest last: the reverse of how GGUF writes them.
  std::vector<TensorInfo> tensors;
  /// Of a model in several files (`split.count`): which of them this is, from
  /// 0, and how many there are.
  int64_t partNumber = 0, partCount = 1;
  /// The paths of all files, as readGguf() found them, for TensorInfo::file.
  std::vector<std::string> parts;
};

/// How a file starts.
constexpr llvm::StringLiteral ggufMagic = "GGUF";

/// The longest part of a file before its tensors that is read.
constexpr uint64_t maxGgufHeader = 100'000'000;

/// Fills `out` with the bytes of a file from `offset` on.
using ReadBytes = llvm::function_ref<llvm::Error(
    uint64_t offset, llvm::MutableArrayRef<uint8_t> out)>;

/// Parses the header of a file of `fileSize` bytes. `file` is copied into
/// each tensor. Errors read
/// `m.gguf: tensor 'blk.0.attn_q.weight' has the type IQ2_XS, which ...`.
llvm::Expected<GgufFile> parseGguf(ReadBytes read, uint64_t fileSize,
                                   llvm::StringRef fileName, unsigned file = 0);

/// The same on a whole file in memory.
llvm::Expected<GgufFile> parseGguf(llvm::StringRef buffer,
                                   llvm::StringRef fileName);

/// Opens a file and parses its header. Of a model in several files the path may
/// be that of any: the metadata are those of the first, the tensors are of all.
/// The others are found by their names, which end in `-00002-of-00003.gguf`.
llvm::Expected<GgufFile> readGguf(llvm::StringRef path);

/// Whether the path names a GGUF file: a regular file that ends in `.gguf` or
/// starts with `GGUF`.
bool isGgufPath(llvm::StringRef path);

} // namespace fpmoe

#endif // FPMOE_LIB_CHECKPOINT_GGUF_H
