//===- Safetensors.cpp - strict reader of safetensors headers ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Walks the header once, then checks that the spans tile the data. See
// Safetensors.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Checkpoint/Safetensors.h"

#include "lib/Checkpoint/Input.h"
#include "lib/Checkpoint/Json.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <optional>

using namespace llvm;

namespace fpmoe {

int64_t TensorInfo::elements() const {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

/// More dimensions than any model has; keeps a header from listing millions.
static constexpr size_t maxRank = 32;

std::string formatShape(ArrayRef<int64_t> shape) {
  std::string result = "[";
  for (int64_t extent : shape) {
    if (result.size() > 1)
      result += ", ";
    result += std::to_string(extent);
  }
  return result + "]";
}

namespace {
/// Parses the header of one file.
class HeaderParser {
public:
  HeaderParser(StringRef header, uint64_t dataSize, StringRef fileName,
               unsigned file)
      : reader(header, fileName, JsonReader::Position::HeaderByte),
        dataStart(8 + header.size()), dataSize(dataSize), fileName(fileName),
        file(file) {}

  Expected<std::vector<TensorInfo>> run();

private:
  Error metadata();
  Error tensor(StringRef name);
  Error readShape(TensorInfo &tensor);
  Error readOffsets(StringRef name, uint64_t &begin, uint64_t &end);
  Error checkSpan(TensorInfo &tensor, uint64_t begin, uint64_t end);
  Error checkTiling();

  Error tensorError(StringRef name, const Twine &what) const {
    return fileError(fileName, "tensor " + quoted(name) + " " + what);
  }

  JsonReader reader;
  uint64_t dataStart, dataSize;
  StringRef fileName;
  unsigned file;
  std::vector<TensorInfo> tensors;
};
} // namespace

Error HeaderParser::metadata() {
  return reader.object([&](StringRef) { return reader.string().takeError(); });
}

Error HeaderParser::readShape(TensorInfo &tensor) {
  return reader.array([&]() -> Error {
    Expected<int64_t> extent = reader.integer();
    if (!extent)
      return extent.takeError();
    if (*extent < 0)
      return tensorError(tensor.name, "has the negative extent " +
                                          Twine(*extent) + " in its shape");
    if (tensor.shape.size() == maxRank)
      return tensorError(tensor.name,
                         "has more than " + Twine(maxRank) + " dimensions");
    tensor.shape.push_back(*extent);
    return Error::success();
  });
}

Error HeaderParser::readOffsets(StringRef name, uint64_t &begin,
                                uint64_t &end) {
  SmallVector<int64_t, 2> offsets;
  if (Error e = reader.array([&]() -> Error {
        Expected<int64_t> offset = reader.integer();
        if (!offset)
          return offset.takeError();
        if (*offset < 0)
          return tensorError(name,
                             "has the negative data offset " + Twine(*offset));
        if (offsets.size() == 2)
          return tensorError(name, "has more than two data offsets");
        offsets.push_back(*offset);
        return Error::success();
      }))
    return e;
  if (offsets.size() != 2)
    return tensorError(name, "has " + Twine(offsets.size()) +
                                 " data offsets, it must have two");
  begin = offsets[0];
  end = offsets[1];
  return Error::success();
}

Error HeaderParser::checkSpan(TensorInfo &tensor, uint64_t begin,
                              uint64_t end) {
  if (begin > end)
    return tensorError(tensor.name, "begins at byte " + Twine(begin) +
                                        " of the data, after its end at " +
                                        Twine(end));
  if (end > dataSize)
    return tensorError(tensor.name, "ends at byte " + Twine(end) +
                                        " of the data, the file has only " +
                                        Twine(dataSize));
  // A zero extent must not hide the overflow of the others.
  int64_t bits = getBits(tensor.dtype), nonzero = bits;
  for (int64_t extent : tensor.shape) {
    bool overflow = MulOverflow<int64_t>(nonzero, extent ? extent : 1, nonzero);
    if (overflow)
      return tensorError(tensor.name, "has the shape " +
                                          formatShape(tensor.shape) +
                                          ", whose size overflows 64 bits");
    bits *= extent;
  }
  if (bits % 8)
    return tensorError(
        tensor.name, "has the shape " + formatShape(tensor.shape) + " of " +
                         getName(tensor.dtype) + ", which ends inside a byte");
  if (end - begin != static_cast<uint64_t>(bits / 8))
    return tensorError(tensor.name,
                       "spans " + Twine(end - begin) + " bytes, its shape " +
                           formatShape(tensor.shape) + " of " +
                           getName(tensor.dtype) + " needs " + Twine(bits / 8));
  tensor.offset = dataStart + begin;
  tensor.bytes = end - begin;
  return Error::success();
}

Error HeaderParser::tensor(StringRef name) {
  TensorInfo info;
  info.name = name.str();
  info.file = file;
  std::optional<std::string> dtype;
  std::optional<std::pair<uint64_t, uint64_t>> span;
  bool hasShape = false;
  if (Error e = reader.object([&](StringRef key) -> Error {
        if (key == "dtype") {
          Expected<std::string> value = reader.string();
          if (!value)
            return value.takeError();
          dtype = std::move(*value);
          return Error::success();
        }
        if (key == "shape") {
          hasShape = true;
          return readShape(info);
        }
        if (key == "data_offsets") {
          span.emplace();
          return readOffsets(name, span->first, span->second);
        }
        return tensorError(name, "has the unknown field " + quoted(key));
      }))
    return e;
  StringRef missing = !dtype      ? "dtype"
                      : !hasShape ? "shape"
                      : !span     ? "data_offsets"
                                  : "";
  if (!missing.empty())
    return tensorError(name, "has no " + missing);
  std::optional<DType> known = findDType(*dtype);
  if (!known || getBlockElements(*known) > 1)
    return tensorError(name, "has the unknown dtype " + quoted(*dtype));
  info.dtype = *known;
  if (Error e = checkSpan(info, span->first, span->second))
    return e;
  tensors.push_back(std::move(info));
  return Error::success();
}

/// Every byte of the data belongs to exactly one tensor.
Error HeaderParser::checkTiling() {
  llvm::sort(tensors, [](const TensorInfo &a, const TensorInfo &b) {
    return std::tie(a.offset, a.bytes, a.name) <
           std::tie(b.offset, b.bytes, b.name);
  });
  uint64_t end = dataStart;
  const TensorInfo *previous = nullptr;
  for (const TensorInfo &tensor : tensors) {
    if (tensor.offset < end)
      return tensorError(
          tensor.name,
          "overlaps tensor " + quoted(previous->name) + ": it begins at byte " +
              Twine(tensor.offset - dataStart) +
              " of the data, the other ends at " + Twine(end - dataStart));
    if (tensor.offset > end)
      return tensorError(tensor.name,
                         "begins at byte " + Twine(tensor.offset - dataStart) +
                             " of the data and leaves a gap, the tensors "
                             "before it end at " +
                             Twine(end - dataStart));
    end += tensor.bytes;
    previous = &tensor;
  }
  if (end != dataStart + dataSize)
    return fileError(fileName, "has " + Twine(dataStart + dataSize - end) +
                                   " bytes that belong to no tensor after the "
                                   "last one");
  return Error::success();
}

Expected<std::vector<TensorInfo>> HeaderParser::run() {
  if (Error e = reader.object([&](StringRef name) {
        return name == "__metadata__" ? metadata() : tensor(name);
      }))
    return e;
  if (Error e = reader.finish())
    return e;
  if (Error e = checkTiling())
    return e;
  return std::move(tensors);
}

Expected<uint64_t> parseSafetensorsLength(StringRef firstBytes,
                                          uint64_t fileSize,
                                          StringRef fileName) {
  if (fileSize < 8 || firstBytes.size() < 8)
    return fileError(fileName, "is " + Twine(fileSize) +
                                   " bytes long, a safetensors file has at "
                                   "least 8");
  uint64_t length = support::endian::read64le(firstBytes.data());
  if (length > maxSafetensorsHeader)
    return fileError(fileName, "has a header of " + Twine(length) +
                                   " bytes, the limit is " +
                                   Twine(maxSafetensorsHeader));
  if (length > fileSize - 8)
    return fileError(fileName, "has a header of " + Twine(length) +
                                   " bytes, but only " + Twine(fileSize - 8) +
                                   " bytes follow its length");
  return length;
}

Expected<std::vector<TensorInfo>> parseSafetensorsHeader(StringRef header,
                                                         uint64_t fileSize,
                                                         StringRef fileName,
                                                         unsigned file) {
  if (fileSize < 8 || header.size() > fileSize - 8)
    return fileError(fileName, "has a header that is longer than the file");
  return HeaderParser(header, fileSize - 8 - header.size(), fileName, file)
      .run();
}

Expected<std::vector<TensorInfo>> parseSafetensors(StringRef buffer,
                                                   StringRef fileName) {
  Expected<uint64_t> length =
      parseSafetensorsLength(buffer, buffer.size(), fileName);
  if (!length)
    return length.takeError();
  return parseSafetensorsHeader(buffer.substr(8, *length), buffer.size(),
                                fileName);
}

} // namespace fpmoe
