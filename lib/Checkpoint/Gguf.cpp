//===- Gguf.cpp - strict reader of GGUF headers -----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One walk from the magic to the last tensor's description, through a window
// that is refilled from the file. See Gguf.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Checkpoint/Gguf.h"

#include "lib/Checkpoint/Input.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MathExtras.h"

using namespace llvm;
using namespace llvm::support::endian;

namespace fpmoe {

/// As the specification says.
static constexpr uint64_t maxKeyBytes = 65535, maxTensorNameBytes = 64;
static constexpr uint32_t maxRank = 4;
/// More than any model has; each takes memory beyond its bytes in the file.
static constexpr uint64_t maxKeys = 1 << 16, maxTensors = 1 << 20;
static constexpr int64_t maxParts = 4096;
static constexpr uint64_t defaultAlignment = 32;
/// What a key, or the description of a tensor, takes at least.
static constexpr uint64_t minKeyBytes = 8 + 1 + 4 + 1;
static constexpr uint64_t minTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;

namespace {
struct TensorType {
  uint32_t number;
  StringLiteral name;
  /// Nothing for a type that is not supported.
  std::optional<DType> dtype = std::nullopt;
};
} // namespace

static constexpr TensorType tensorTypes[] = {
    {0, "F32", DType::F32},
    {1, "F16", DType::F16},
    {2, "Q4_0", DType::Q4_0},
    {3, "Q4_1", DType::Q4_1},
    {6, "Q5_0", DType::Q5_0},
    {7, "Q5_1", DType::Q5_1},
    {8, "Q8_0", DType::Q8_0},
    {9, "Q8_1"},
    {10, "Q2_K"},
    {11, "Q3_K"},
    {12, "Q4_K", DType::Q4_K},
    {13, "Q5_K", DType::Q5_K},
    {14, "Q6_K", DType::Q6_K},
    {15, "Q8_K"},
    {16, "IQ2_XXS"},
    {17, "IQ2_XS"},
    {18, "IQ3_XXS"},
    {19, "IQ1_S"},
    {20, "IQ4_NL"},
    {21, "IQ3_S"},
    {22, "IQ2_S"},
    {23, "IQ4_XS"},
    {24, "I8", DType::I8},
    {25, "I16", DType::I16},
    {26, "I32", DType::I32},
    {27, "I64", DType::I64},
    {28, "F64", DType::F64},
    {29, "IQ1_M"},
    {30, "BF16", DType::BF16},
    {34, "TQ1_0"},
    {35, "TQ2_0"},
    {39, "MXFP4"},
    {40, "NVFP4"},
};

//===----------------------------------------------------------------------===//
// Parser
//===----------------------------------------------------------------------===//

/// Reads one header. `where` says in messages what is being read.
class GgufParser {
public:
  GgufParser(ReadBytes read, uint64_t fileSize, StringRef fileName,
             unsigned file)
      : read(read), fileSize(fileSize), fileName(fileName), file(file) {}

  Expected<GgufFile> run();

private:
  Error take(void *out, uint64_t bytes, const Twine &where);
  Error takeU32(uint32_t &out, const Twine &where);
  Error takeU64(uint64_t &out, const Twine &where);
  Error takeString(std::string &out, uint64_t most, const Twine &where);
  Error takeName(std::string &out, uint64_t most, const Twine &where);
  Error checkCount(uint64_t count, uint64_t most, uint64_t bytesEach,
                   const Twine &where);

  Error start(uint64_t &tensors, uint64_t &keys);
  Error key(uint64_t number);
  Error value(GgufValue &value, const Twine &where);
  Error elements(GgufValue &value, unsigned bytesEach, const Twine &where);
  Error part();
  Error tensor(uint64_t number);
  Error tensorType(TensorInfo &tensor);
  Error tensorShape(TensorInfo &tensor);
  Error layOut();
  Error alignment(uint64_t &alignment);

  Error tensorError(const TensorInfo &tensor, const Twine &what) const {
    return fileError(fileName, "tensor " + quoted(tensor.name) + " " + what);
  }

  ReadBytes read;
  uint64_t fileSize;
  StringRef fileName;
  unsigned file;

  GgufFile result;
  StringSet<> names;
  /// Of the next byte that take() gives.
  uint64_t position = 0;
  /// Bytes of the file from `windowStart` on.
  std::vector<uint8_t> window;
  uint64_t windowStart = 0;
};

Error GgufParser::take(void *out, uint64_t bytes, const Twine &where) {
  uint64_t end = std::min(fileSize, maxGgufHeader);
  if (bytes > end - position)
    return fileError(fileName,
                     (end < fileSize
                          ? "has more than " + Twine(maxGgufHeader) +
                                " bytes before its tensors, in "
                          : "ends at byte " + Twine(fileSize) + ", in ") +
                         where);
  auto *to = static_cast<uint8_t *>(out);
  while (bytes) {
    uint64_t left = windowStart + window.size() - position;
    if (!left) {
      window.resize(std::min<uint64_t>(1 << 16, end - position));
      windowStart = position;
      if (Error e = read(position, window))
        return e;
      continue;
    }
    uint64_t count = std::min(bytes, left);
    std::copy_n(window.begin() + (position - windowStart), count, to);
    to += count;
    position += count;
    bytes -= count;
  }
  return Error::success();
}

Error GgufParser::takeU32(uint32_t &out, const Twine &where) {
  uint8_t bytes[4];
  if (Error e = take(bytes, sizeof(bytes), where))
    return e;
  out = read32le(bytes);
  return Error::success();
}

Error GgufParser::takeU64(uint64_t &out, const Twine &where) {
  uint8_t bytes[8];
  if (Error e = take(bytes, sizeof(bytes), where))
    return e;
  out = read64le(bytes);
  return Error::success();
}

/// Appends to `out`.
Error GgufParser::takeString(std::string &out, uint64_t most,
                             const Twine &where) {
  uint64_t length;
  if (Error e = takeU64(length, where))
    return e;
  if (length > most)
    return fileError(fileName, where + " has " + Twine(length) +
                                   " bytes, the limit is " + Twine(most));
  if (length > fileSize - position)
    return fileError(fileName, where + " has " + Twine(length) +
                                   " bytes, only " +
                                   Twine(fileSize - position) + " follow");
  size_t start = out.size();
  out.resize(start + length);
  return take(out.data() + start, length, where);
}

/// A string that stands in messages and is looked up.
Error GgufParser::takeName(std::string &out, uint64_t most,
                           const Twine &where) {
  if (Error e = takeString(out, most, where))
    return e;
  if (out.empty())
    return fileError(fileName, where + " is empty");
  if (!json::isUTF8(out))
    return fileError(fileName,
                     where + " " + quoted(out) + " is not valid UTF-8");
  return Error::success();
}

/// Elements that may be promised: what follows could hold them.
Error GgufParser::checkCount(uint64_t count, uint64_t most, uint64_t bytesEach,
                             const Twine &where) {
  if (count > most)
    return fileError(fileName, where + ", the limit is " + Twine(most));
  uint64_t left = fileSize - position;
  if (count <= left / bytesEach)
    return Error::success();
  return fileError(fileName, where + " of at least " + Twine(bytesEach) +
                                 (bytesEach == 1 ? " byte" : " bytes") +
                                 " each, only " + Twine(left) +
                                 " bytes follow");
}

Error GgufParser::start(uint64_t &tensors, uint64_t &keys) {
  std::string start(ggufMagic.size(), '\0');
  uint32_t version;
  if (Error e = take(start.data(), start.size(), "the magic number"))
    return e;
  if (start != ggufMagic)
    return fileError(fileName, "starts with " + quoted(start) +
                                   ", a GGUF file starts with 'GGUF'");
  if (Error e = takeU32(version, "the version"))
    return e;
  if (version && !(version & 0xffff))
    return fileError(fileName, "has the version " + Twine(version) +
                                   ": it is big-endian, only little-endian "
                                   "files are supported");
  if (version != 2 && version != 3)
    return fileError(fileName, "has the version " + Twine(version) +
                                   ", supported are 2 and 3");
  if (Error e = takeU64(tensors, "the number of tensors"))
    return e;
  if (Error e = takeU64(keys, "the number of keys"))
    return e;
  if (Error e = checkCount(keys, maxKeys, minKeyBytes,
                           "has " + Twine(keys) + " keys"))
    return e;
  return checkCount(tensors, maxTensors, minTensorBytes,
                    "has " + Twine(tensors) + " tensors");
}

Error GgufParser::elements(GgufValue &value, unsigned bytesEach,
                           const Twine &where) {
  if (value.type == GgufType::String) {
    for (uint64_t i = 0; i < value.count; ++i) {
      if (Error e = takeString(value.bytes, maxGgufHeader, where))
        return e;
      value.ends.push_back(value.bytes.size());
    }
    return Error::success();
  }
  // checkCount() bounds the product by the file's size.
  value.bytes.resize(value.count * bytesEach);
  if (Error e = take(value.bytes.data(), value.bytes.size(), where))
    return e;
  if (value.type == GgufType::Bool)
    for (char byte : value.bytes)
      if (byte != 0 && byte != 1)
        return fileError(fileName,
                         where + " is a BOOL of " +
                             Twine(static_cast<unsigned>(byte) & 255) +
                             ", it must be 0 or 1");
  return Error::success();
}

Error GgufParser::value(GgufValue &value, const Twine &where) {
  constexpr auto last = static_cast<uint32_t>(GgufType::F64);
  auto takeType = [&](StringRef of) -> Error {
    uint32_t number = 0;
    if (Error e = takeU32(number, where))
      return e;
    if (number > last)
      return fileError(fileName, where + " has the unknown type " + of +
                                     Twine(number) + ", known are 0 to " +
                                     Twine(last));
    value.type = static_cast<GgufType>(number);
    return Error::success();
  };
  if (Error e = takeType(""))
    return e;
  value.count = 1;
  if (value.type == GgufType::Array) {
    value.isArray = true;
    if (Error e = takeType("of elements "))
      return e;
    if (value.type == GgufType::Array)
      return fileError(fileName,
                       where + " is an array of arrays, which no model has");
    if (Error e = takeU64(value.count, where))
      return e;
    if (Error e = checkCount(value.count, maxGgufHeader, getBytes(value.type),
                             where + " is an array of " + Twine(value.count) +
                                 " elements"))
      return e;
  }
  return elements(value, getBytes(value.type), where);
}

Error GgufParser::key(uint64_t number) {
  std::string name;
  if (Error e = takeName(name, maxKeyBytes, "the name of key " + Twine(number)))
    return e;
  GgufValue read;
  if (Error e = value(read, "key " + quoted(name)))
    return e;
  auto [entry, isNew] =
      result.metadata.entries.try_emplace(std::move(name), std::move(read));
  if (!isNew)
    return fileError(fileName,
                     "has the key " + quoted(entry->first) + " twice");
  return Error::success();
}

Error GgufParser::tensorShape(TensorInfo &tensor) {
  std::string where = "tensor " + quoted(tensor.name);
  uint32_t rank;
  if (Error e = takeU32(rank, where))
    return e;
  if (rank < 1 || rank > maxRank)
    return tensorError(tensor, "has " + Twine(rank) +
                                   " dimensions, it must have 1 to " +
                                   Twine(maxRank));
  for (uint32_t i = 0; i < rank; ++i) {
    uint64_t extent;
    if (Error e = takeU64(extent, where))
      return e;
    if (extent > INT64_MAX)
      return tensorError(tensor, "has the extent " + Twine(extent) +
                                     ", which overflows 63 bits");
    tensor.shape.insert(tensor.shape.begin(), static_cast<int64_t>(extent));
  }
  return Error::success();
}

Error GgufParser::tensorType(TensorInfo &tensor) {
  uint32_t number;
  if (Error e = takeU32(number, "tensor " + quoted(tensor.name)))
    return e;
  auto *type = find_if(tensorTypes,
                       [&](const TensorType &t) { return t.number == number; });
  if (type == std::end(tensorTypes) || !type->dtype) {
    StringRef name = type == std::end(tensorTypes) ? "unknown" : type->name;
    return tensorError(tensor, "has the type " + Twine(number) + " (" + name +
                                   "), supported are " + listLoadable());
  }
  tensor.dtype = *type->dtype;

  int64_t block = getBlockElements(tensor.dtype), row = tensor.shape.back();
  if (row % block)
    return tensorError(tensor, "has rows of " + Twine(row) + " elements, " +
                                   getName(tensor.dtype) + " has blocks of " +
                                   Twine(block));
  // A zero extent must not hide the overflow of the others. The bits of an
  // element are fewer than 64 in every type.
  int64_t nonzero = 64;
  for (int64_t extent : tensor.shape)
    if (MulOverflow<int64_t>(nonzero, extent ? extent : 1, nonzero))
      return tensorError(tensor, "has the shape " + formatShape(tensor.shape) +
                                     ", whose size overflows 63 bits");
  tensor.bytes = tensor.elements() / block * getBits(tensor.dtype) / 8;
  return Error::success();
}

Error GgufParser::tensor(uint64_t number) {
  TensorInfo tensor;
  tensor.file = file;
  if (Error e = takeName(tensor.name, maxTensorNameBytes,
                         "the name of tensor " + Twine(number)))
    return e;
  if (!names.insert(tensor.name).second)
    return fileError(fileName,
                     "has the tensor " + quoted(tensor.name) + " twice");
  if (Error e = tensorShape(tensor))
    return e;
  if (Error e = tensorType(tensor))
    return e;
  if (Error e = takeU64(tensor.offset, "tensor " + quoted(tensor.name)))
    return e;
  result.tensors.push_back(std::move(tensor));
  return Error::success();
}

Error GgufParser::alignment(uint64_t &alignment) {
  alignment = defaultAlignment;
  const StringRef key = "general.alignment";
  if (!result.metadata.has(key))
    return Error::success();
  Expected<int64_t> value = result.metadata.getInteger(key);
  if (!value)
    return value.takeError();
  if (*value < 1 || *value > INT32_MAX || !isPowerOf2_64(*value))
    return result.metadata.error(key, "is " + Twine(*value) +
                                          ", it must be a power of two below "
                                          "2^31");
  alignment = *value;
  return Error::success();
}

/// Which part of a model the file is.
Error GgufParser::part() {
  const StringRef countKey = "split.count", numberKey = "split.no";
  const GgufMetadata &metadata = result.metadata;
  if (!metadata.has(countKey))
    return Error::success();
  int64_t count = 0, number = 0;
  if (Error e = metadata.getInteger(countKey).moveInto(count))
    return e;
  if (count < 0 || count > maxParts)
    return metadata.error(countKey, "is " + Twine(count) +
                                        ", it must be between 0 and " +
                                        Twine(maxParts));
  // Both 0 and 1 are written where there are no others.
  if (count <= 1)
    return Error::success();
  if (Error e = metadata.getInteger(numberKey).moveInto(number))
    return e;
  if (number < 0 || number >= count)
    return metadata.error(numberKey, "is " + Twine(number) +
                                         ", it must be less than " + countKey +
                                         ", which is " + Twine(count));
  result.partNumber = number;
  result.partCount = count;
  return Error::success();
}

/// From offsets in the data to offsets in the file. Each tensor starts at the
/// first multiple of the alignment after the one before it.
Error GgufParser::layOut() {
  uint64_t step;
  if (Error e = alignment(step))
    return e;
  if (result.tensors.empty())
    return Error::success();
  uint64_t start = alignTo(position, step);
  // Even where all tensors are empty: an offset past the end is never given.
  if (start > fileSize)
    return fileError(fileName, "ends at byte " + Twine(fileSize) +
                                   ", its tensors begin at byte " +
                                   Twine(start));
  uint64_t dataSize = fileSize - start, end = 0;
  for (TensorInfo &tensor : result.tensors) {
    uint64_t expected = alignTo(end, step);
    if (tensor.offset != expected)
      return tensorError(tensor, "begins at byte " + Twine(tensor.offset) +
                                     " of the data, it must begin at " +
                                     Twine(expected) +
                                     ", after the tensor before it");
    if (expected > dataSize || tensor.bytes > dataSize - expected)
      return tensorError(tensor, "needs " + Twine(tensor.bytes) +
                                     " bytes from byte " + Twine(expected) +
                                     " of the data on, the file has " +
                                     Twine(dataSize));
    end = expected + tensor.bytes;
    tensor.offset = start + expected;
  }
  if (dataSize > alignTo(end, step))
    return fileError(fileName, "has " + Twine(dataSize) +
                                   " bytes of data, its tensors end at byte " +
                                   Twine(end));
  return Error::success();
}

Expected<GgufFile> GgufParser::run() {
  uint64_t tensors, keys;
  result.metadata.fileName = fileName.str();
  if (Error e = start(tensors, keys))
    return e;
  for (uint64_t i = 0; i < keys; ++i)
    if (Error e = key(i))
      return e;
  if (Error e = part())
    return e;
  for (uint64_t i = 0; i < tensors; ++i)
    if (Error e = tensor(i))
      return e;
  if (Error e = layOut())
    return e;
  return std::move(result);
}

Expected<GgufFile> parseGguf(ReadBytes read, uint64_t fileSize,
                             StringRef fileName, unsigned file) {
  return GgufParser(read, fileSize, fileName, file).run();
}

} // namespace fpmoe
